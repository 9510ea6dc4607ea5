"""Makes weights.safetensors and weights.json with the safetensors package (its version is in the JSON)."""

import json

import safetensors
import torch
from safetensors.torch import save_file

weights = {
    "fc.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "fc.bias": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "empty": torch.zeros(0, 2),
    "mask": torch.tensor([True, False, True]),
}
save_file(weights, "weights.safetensors", metadata={"made": "by hand"})
with open("weights.json", "w") as file:
    json.dump(
        {"safetensors": safetensors.__version__}
        | {name: {"shape": list(t.shape), "values": t.double().flatten().tolist()} for name, t in weights.items()},
        file,
        indent=1,
    )
