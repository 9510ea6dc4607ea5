"""Writes torchvision.json: names, shapes and outputs of torchvision ResNets with hash-filled weights (see README)."""
import json
import pathlib

import numpy as np
import torch
import torchvision


def hash_values(count: int, j: int) -> np.ndarray:
    i = np.arange(count, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    x = (i * np.uint64(2654435761) + np.uint64(j * 40503 + 12345)) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & mask
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & mask
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2147483648 - 1


def fill(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for j, (name, value) in enumerate(model.state_dict().items()):
            if not value.is_floating_point():
                continue
            v = hash_values(value.numel(), j).reshape(value.shape)
            if name.endswith('running_mean'):
                v = 0.1 * v
            elif name.endswith('running_var'):
                v = 1 + 0.5 * np.abs(v)
            elif value.dim() >= 2:
                v = v * np.sqrt(6 / (value.numel() / value.shape[0]))
            elif name.endswith('weight'):
                v = 1 + 0.1 * v
            else:
                v = 0.1 * v
            value.copy_(torch.from_numpy(v).float())


rows = []
for name in ['resnet50', 'resnet18', 'resnet34', 'resnext50_32x4d']:
    model = getattr(torchvision.models, name)()
    model.fc = torch.nn.Identity()
    fill(model)
    images = torch.from_numpy(hash_values(2 * 3 * 64 * 64, 999999).reshape(2, 3, 64, 64)).float()
    with torch.no_grad():
        evaluated = model.eval()(images)
        trained = model.train()(images)
    rows.append({
        'name': name,
        'state_dict': [[key, list(value.shape)] for key, value in model.state_dict().items()],
        'eval': [[float(f'{v:.9g}') for v in row] for row in evaluated[:, :256].tolist()],
        'train': [[float(f'{v:.9g}') for v in row] for row in trained[:, :256].tolist()],
        'running_mean_after': [float(f'{v:.9g}') for v in model.bn1.running_mean.tolist()],
    })
pathlib.Path(__file__).with_name('torchvision.json').write_text(json.dumps(rows))
