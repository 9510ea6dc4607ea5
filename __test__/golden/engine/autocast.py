"""Which dtype operators give under PyTorch's CPU autocast: python autocast.py > autocast.json (torch 2.13.0)."""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(4, 8)
w = torch.randn(8, 8)
v = torch.randn(8)
image = torch.randn(2, 3, 8, 8)
kernel = torch.randn(4, 3, 3, 3)
half = x.to(torch.bfloat16)
labels = torch.tensor([0, 1, 2, 3])

operators = {
    "matmul": lambda: torch.matmul(x, w),
    "mm": lambda: torch.mm(x, w),
    "addmm": lambda: torch.addmm(v, x, w),
    "bmm": lambda: torch.bmm(x[None], w[None]),
    "linear": lambda: F.linear(x, w, v),
    "conv2d": lambda: torch.conv2d(image, kernel),
    "batch_norm": lambda: torch.batch_norm(image, None, None, None, None, True, 0.1, 1e-5, False),
    "layer_norm": lambda: torch.layer_norm(x, [8]),
    "relu": lambda: torch.relu(x),
    "add": lambda: torch.add(x, w[:4]),
    "add mixed": lambda: torch.add(half, x),
    "cat": lambda: torch.cat([x, x]),
    "cat mixed": lambda: torch.cat([half, x]),
    "stack mixed": lambda: torch.stack([half, x]),
    "softmax": lambda: torch.softmax(half, 1),
    "log_softmax": lambda: torch.log_softmax(half, 1),
    "exp": lambda: torch.exp(half),
    "norm": lambda: torch.norm(half, 2, [1]),
    "sum": lambda: torch.sum(half),
    "mse_loss": lambda: F.mse_loss(half, half),
    "cross_entropy_loss": lambda: F.cross_entropy(half, labels),
    "binary_cross_entropy_with_logits": lambda: F.binary_cross_entropy_with_logits(half, half),
    "smooth_l1_loss": lambda: F.smooth_l1_loss(half, half),
    "avg_pool2d": lambda: F.avg_pool2d(image, 2),
    "adaptive_avg_pool2d": lambda: F.adaptive_avg_pool2d(image, 1),
    "interpolate": lambda: torch.nn.functional.interpolate(image.to(half.dtype), scale_factor=2, mode="nearest"),
}

result = {}
for name, run in operators.items():
    half = x.to(torch.bfloat16)
    row = {"off": str(run().dtype)[6:]}
    for dtype in ["bfloat16", "float16"]:
        half = x.to(getattr(torch, dtype))
        with torch.autocast("cpu", getattr(torch, dtype)):
            row[dtype] = str(run().dtype)[6:]
    result[name] = row
with torch.autocast("cpu", torch.bfloat16):
    product = torch.matmul(x, w).float()
print(json.dumps({
    "dtypes": result,
    "inputs": {"x": x.flatten().tolist(), "w": w.flatten().tolist()},
    "product": product.flatten().tolist(),
}, indent=1))
