"""Writes init.json: numbers that PyTorch 2.13 draws when layers are built and initialisations are run (seed 7)."""
import json
import math
import pathlib

import torch
from torch import nn


def head(tensor: torch.Tensor) -> dict:
    flat = tensor.detach().double().flatten()
    return {'shape': list(tensor.shape), 'first': flat[:8].tolist(), 'last': flat[-4:].tolist(), 'sum': flat.sum().item()}


result = {'layers': {}, 'functions': {}}
torch.manual_seed(7)
layers = nn.ModuleDict({
    'conv': nn.Conv2d(3, 8, 3),
    'grouped': nn.Conv2d(8, 16, (3, 5), groups=4, bias=False),
    'linear': nn.Linear(20, 30),
    'unbiased': nn.Linear(30, 5, bias=False),
    'bn': nn.BatchNorm2d(4),
    'after': nn.Linear(7, 3),
})
result['layers'] = {name: head(value) for name, value in layers.state_dict().items()}

torch.manual_seed(7)
weight = torch.empty(16, 8, 3, 3)
for name, run in {
    'kaimingUniform': lambda: nn.init.kaiming_uniform_(weight, a=math.sqrt(5)),
    'kaimingNormalOut': lambda: nn.init.kaiming_normal_(weight, mode='fan_out', nonlinearity='relu'),
    'xavierUniform': lambda: nn.init.xavier_uniform_(weight),
    'normal': lambda: nn.init.normal_(weight, 1, 0.02),
    'uniform': lambda: nn.init.uniform_(weight, -2, 3),
    'truncNormal': lambda: nn.init.trunc_normal_(weight, std=0.02),
    'truncNormalTight': lambda: nn.init.trunc_normal_(weight, mean=0, std=1, a=-1, b=1),
    'truncNormalTail': lambda: nn.init.trunc_normal_(weight, mean=0, std=1, a=1, b=2),
    'constant': lambda: nn.init.constant_(weight, 0.5),
}.items():
    run()
    result['functions'][name] = head(weight)
pathlib.Path(__file__).with_name('init.json').write_text(json.dumps(result, indent=1))
