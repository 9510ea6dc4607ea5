"""Writes torch.json: six steps of PyTorch 2.13 optimizers on two parameters, the second without gradient at first."""
import json
import pathlib

import torch


def values(shape, seed):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) * 0.37 + seed).sin().reshape(shape)


cases = {
    'sgd': (torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    'sgdPlain': (torch.optim.SGD, dict(lr=0.1, momentum=0.0, weight_decay=0.01)),
    'sgdNesterov': (torch.optim.SGD, dict(lr=0.1, momentum=0.8, weight_decay=0.0, nesterov=True)),
    'adam': (torch.optim.Adam, dict(lr=0.1, weight_decay=0.01)),
    'adamAmsgrad': (torch.optim.Adam, dict(lr=0.1, betas=(0.8, 0.9), amsgrad=True, weight_decay=0.0)),
    'adamw': (torch.optim.AdamW, dict(lr=0.1, weight_decay=0.05)),
    'rmspropCentered': (torch.optim.RMSprop, dict(lr=0.01, momentum=0.0, centered=True, weight_decay=0.0)),
}
result = {}
for name, (kind, options) in cases.items():
    a = torch.nn.Parameter(values((3, 2, 2, 2), 1.0))
    b = torch.nn.Parameter(values((5,), 2.0))
    optimizer = kind([a, b], **options)
    steps = []
    for step in range(6):
        a.grad = values(a.shape, 3.0 + step)
        b.grad = values(b.shape, 4.0 + step) if step >= 2 else None
        optimizer.step()
        steps.append([a.flatten().tolist(), b.flatten().tolist()])
    state = {i: {k: v.flatten().tolist() if torch.is_tensor(v) else v for k, v in s.items() if v is not None}
             for i, s in optimizer.state_dict()['state'].items()}
    result[name] = {'steps': steps, 'state': state}
pathlib.Path(__file__).with_name('torch.json').write_text(json.dumps(result))
