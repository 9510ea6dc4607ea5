"""Describes a file of torch.save as JSON, as real PyTorch reads it: `describe.py FILE`.

Made with it: simclr_regnet_model_phase0.json and values.json (of files that PyTorch wrote), written.json (of a file
that saveTorchFile wrote).
"""

import collections
import hashlib
import json
import math
import sys

import torch


def number(value):
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(float(value))


def describe(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": number(value)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, torch.Tensor):
        held = value.detach().contiguous()
        raw = bytes(torch.empty(0, dtype=torch.uint8).set_(held.untyped_storage()).numpy().tobytes())
        start = held.storage_offset() * held.element_size()
        raw = raw[start : start + held.numel() * held.element_size()]
        return {
            "tensor": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
            "sha256": hashlib.sha256(raw).hexdigest(),
            "parameter": isinstance(value, torch.nn.Parameter),
            "requiresGrad": value.requires_grad,
        }
    if isinstance(value, dict):
        kind = "odict" if isinstance(value, collections.OrderedDict) else "dict"
        out = {kind: [[describe(key), describe(item)] for key, item in value.items()]}
        if getattr(value, "__dict__", None):
            out["attributes"] = describe(value.__dict__)
        return out
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((describe(item) for item in value), key=json.dumps)}
    if isinstance(value, tuple):
        return {"tuple": [describe(item) for item in value]}
    if isinstance(value, list):
        return {"list": [describe(item) for item in value]}
    raise TypeError(type(value))


if __name__ == "__main__":
    print(json.dumps(describe(torch.load(sys.argv[1], map_location="cpu", weights_only=True)), indent=0))
