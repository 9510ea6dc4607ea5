"""ClassyVision's precision and recall at k: python classy.py > at_k.json (classy-vision 0.6.0, torch 2.13.0).

VISSL 0.1.6 measures each model output by one of these and gives 100 * round(value, 6)."""
import json
import sys
from unittest.mock import MagicMock

import torch

# Input and output libraries that its modules import and that meters do not use.
for name in ["fvcore", "fvcore.common", "fvcore.common.file_io", "hydra", "omegaconf", "tensorboard"]:
    sys.modules[name] = MagicMock()
from classy_vision.meters.precision_meter import PrecisionAtKMeter
from classy_vision.meters.recall_meter import RecallAtKMeter

generator = torch.Generator().manual_seed(0)
cases = []
for name, classes, topk, batches, kind in [
    ("class numbers", 6, [1, 3], [9, 4], "numbers"),
    ("one column of class numbers", 5, [1, 5], [7], "column"),
    ("one class each", 4, [1, 2], [5], "onehot"),
    ("several classes", 8, [1, 2, 5], [10, 3], "many"),
    ("no class at all", 3, [1], [4], "none"),
]:
    precision = PrecisionAtKMeter(topk)
    recall = RecallAtKMeter(topk)
    row = {"case": name, "topk": topk, "batches": []}
    for size in batches:
        scores = torch.randn(size, classes, generator=generator)
        numbers = torch.randint(classes, (size,), generator=generator)
        target = {
            "numbers": numbers,
            "column": numbers[:, None],
            "onehot": torch.nn.functional.one_hot(numbers, classes),
            "many": (torch.rand(size, classes, generator=generator) < 0.4).long(),
            "none": torch.zeros(size, classes, dtype=torch.long),
        }[kind]
        values = {}
        for meter in [precision, recall]:
            try:
                meter.update(scores, target)
                values[meter.name] = {k: 100 * round(float(v), 6) for k, v in meter.value.items()}
            except Exception as error:
                values[meter.name] = repr(error)
        row["batches"].append({"scores": scores.tolist(), "target": target.tolist(), "values": values})
    cases.append(row)
print(json.dumps(cases))
