"""Writes layers.json: outputs and input gradients of PyTorch 2.13 layers on hash-like inputs."""
import json
import pathlib

import torch
from torch import nn


def values(*shape: int) -> torch.Tensor:
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) * 0.37).sin().reshape(shape)


def fill(layer: nn.Module) -> None:
    with torch.no_grad():
        for k, value in enumerate(layer.parameters()):
            value.copy_(values(*value.shape) * 0.5 + 0.1 * k)


cases = {
    'conv': (lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), (2, 4, 7, 6)),
    'linear': (lambda: nn.Linear(5, 3), (4, 5)),
    'bn1d': (lambda: nn.BatchNorm1d(5, eps=1e-3, momentum=0.3), (4, 5)),
    'bn2d': (lambda: nn.BatchNorm2d(3), (2, 3, 4, 5)),
    'groupNorm': (lambda: nn.GroupNorm(2, 4), (2, 4, 3, 3)),
    'layerNorm': (lambda: nn.LayerNorm(6), (2, 3, 6)),
    'lrn': (lambda: nn.LocalResponseNorm(5, alpha=0.1, beta=0.75, k=2), (2, 7, 3, 3)),
    'lrnEven': (lambda: nn.LocalResponseNorm(4, alpha=0.1), (2, 7, 3, 3)),
    'maxPool': (lambda: nn.MaxPool2d(3, stride=2, padding=1), (2, 3, 8, 8)),
    'maxPoolCeil': (lambda: nn.MaxPool2d(3, stride=2, ceil_mode=True), (2, 3, 8, 8)),
    'avgPool': (lambda: nn.AvgPool2d((3, 2), stride=1, padding=1), (2, 3, 6, 6)),
    'adaptiveAvgPool': (lambda: nn.AdaptiveAvgPool2d((2, 3)), (2, 3, 7, 8)),
    'adaptiveMaxPool': (lambda: nn.AdaptiveMaxPool2d(2), (2, 3, 7, 8)),
    'relu': (lambda: nn.ReLU(), (3, 4)),
    'gelu': (lambda: nn.GELU(), (3, 4)),
    'sigmoid': (lambda: nn.Sigmoid(), (3, 4)),
    'silu': (lambda: nn.SiLU(), (3, 4)),
    'flatten': (lambda: nn.Flatten(1), (2, 3, 4)),
}
rows = {}
for name, (make, shape) in cases.items():
    layer = make()
    fill(layer)
    x = values(*shape).requires_grad_()
    y = layer(x)
    (y * (torch.arange(y.numel(), dtype=torch.float32) * 0.61).cos().reshape(y.shape)).sum().backward()
    rows[name] = {
        'input': list(shape),
        'output': {'shape': list(y.shape), 'values': y.flatten().tolist()},
        'grad': x.grad.flatten().tolist(),
        'eval': layer.eval()(x).flatten().tolist(),
        'state': {key: [list(v.shape), v.double().flatten().tolist()] for key, v in layer.state_dict().items()},
    }
pathlib.Path(__file__).with_name('layers.json').write_text(json.dumps(rows))
