"""Makes values.torch: every kind of value and tensor that a checkpoint may hold, and the same in the legacy format."""

import collections

import torch

dtypes = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
    torch.float8_e4m3fn, torch.float8_e5m2,
]
base = torch.arange(24, dtype=torch.float32)
state = collections.OrderedDict([("b.weight", torch.ones(2, 3)), ("a.bias", torch.zeros(3))])
state._metadata = collections.OrderedDict([("", {"version": 1}), ("b", {"version": 2})])
tied = torch.full((2,), 7.0)
values = {
    "none": None, "yes": True, "no": False, "text": "ключ 𝄞", "bytes": b"\x00\xff", "set": {1, "a"},
    "ints": [0, 255, 256, 65536, -1, -(2**31), 2**31, 2**53, -(2**63), 2**64, -(2**100)],
    "floats": [0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, float("nan"), float("inf"), float("-inf")],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, (4, [5]))],
    "keys": {0: "a", -5: "b", None: "c", True: "d", (1, "x"): "e", 2.5: "f"},
    "numbered": {"10": 1, "2": 2, "a": 3}, "empty": [{}, [], collections.OrderedDict()],
    "__proto__": {"polluted": True},
    "dtypes": [torch.tensor([0, 1, 2]).to(dtype) for dtype in dtypes],
    "views": [base, base[4:10], base.view(4, 6).t(), base[:1].expand(3, 2), base[::2]],
    "shapes": [torch.tensor(3.5), torch.empty(0), torch.empty(2, 0, 3), torch.ones(1, 1, 2)],
    "state": state, "parameter": torch.nn.Parameter(torch.ones(2)), "frozen": torch.nn.Parameter(torch.ones(1), False),
    "grad": torch.ones(1, requires_grad=True), "tied": [tied, tied], "size": torch.Size([2, 3]),
}
torch.save(values, "values.torch")
torch.save(values, "values.legacy_format.torch", _use_new_zipfile_serialization=False)
