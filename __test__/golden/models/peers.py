"""Writes peers.json.gz: names, outputs and gradients of torchvision's and timm's networks with hash-filled weights, and
complexity.json: the parameters and multiply-adds that torchvision states (see README).

torch 2.13.0, torchvision 0.28.0, timm 1.0.31.
"""
import gzip
import json
import pathlib

import numpy as np
import timm
import torch
import torchvision
from torch.nn.functional import interpolate
from torchvision.models.vision_transformer import VisionTransformer

here = pathlib.Path(__file__).parent


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


def fill(state: list) -> None:
    with torch.no_grad():
        for j, (name, value) in enumerate(state):
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


def entries(model: torch.nn.Module) -> list:
    """State entries in this project's order: a vision transformer's positions come before its patches."""
    state = list(model.state_dict().items())
    if isinstance(model, VisionTransformer):
        first = ['class_token', 'encoder.pos_embedding']
        state.sort(key=lambda entry: first.index(entry[0]) if entry[0] in first else len(first))
    return state


def numbers(tensor: torch.Tensor) -> list:
    return [float(f'{v:.8g}') for v in tensor.flatten().tolist()]


def vit(size: int) -> VisionTransformer:
    model = VisionTransformer(size, 16, 12, 3, 192, 768)
    model.heads = torch.nn.Identity()
    return model


def headless(name: str) -> torch.nn.Module:
    kwargs = {'stochastic_depth_prob': 0.0} if name.startswith('convnext') else {}
    model = getattr(torchvision.models, name)(**kwargs)
    if hasattr(model, 'fc'):
        model.fc = torch.nn.Identity()
    else:  # convnext
        model.classifier[2] = torch.nn.Identity()
    return model


both = ['eval', 'train']
networks = [(name, headless(name), [4, 3, 64, 64], both) for name in ['resnet18', 'regnet_y_400mf']]
networks += [(name, headless(name), [2, 3, 64, 64], ['eval']) for name in [
    'resnet50', 'wide_resnet50_2', 'resnext50_32x4d', 'regnet_x_800mf', 'convnext_tiny',
]]
networks.append(('vit_ti_16', vit(64), [2, 3, 64, 64], ['train']))
efficientnet = timm.create_model('tf_efficientnet_b0', num_classes=0)
networks.append(('tf_efficientnet_b0', efficientnet, [1, 3, 224, 224], ['train']))

rows = []
for name, model, shape, modes in networks:
    state = entries(model)
    fill(state)
    images = torch.from_numpy(hash_values(int(np.prod(shape)), 999999).reshape(shape)).float()
    row = {'name': name, 'input': shape, 'shapes': [list(value.shape) for _, value in state]}
    for mode in modes:
        model.train(mode == 'train')
        model.zero_grad()
        output = model(images)
        weights = torch.from_numpy(hash_values(output.numel(), 77).reshape(output.shape)).float()
        (output * weights).sum().backward()
        parameters = dict(model.named_parameters())
        gradients = [parameters[key].grad for key, _ in state if key in parameters]
        row[mode] = {
            'output': numbers(output[:, :64]),
            'norms': numbers(torch.stack([g.double().norm() for g in gradients])),
            'gradient': numbers(gradients[0])[:256],
        }
    rows.append(row)

# A vision transformer made for 64 pixels that is given 96: its positions are interpolated.
small, large = vit(64), vit(96)
fill(entries(small))
state = small.state_dict()
positions = state['encoder.pos_embedding']
square = positions[:, 1:].reshape(1, 4, 4, 192).permute(0, 3, 1, 2)
resized = interpolate(square, size=(6, 6), mode='bicubic', align_corners=False)
state['encoder.pos_embedding'] = torch.cat([positions[:, :1], resized.flatten(2).transpose(1, 2)], 1)
large.load_state_dict(state)
images = torch.from_numpy(hash_values(2 * 3 * 96 * 96, 999999).reshape(2, 3, 96, 96)).float()
with torch.no_grad():
    interpolated = numbers(large.eval()(images))

with gzip.GzipFile(here / 'peers.json.gz', 'w', mtime=0) as file:
    file.write(json.dumps({'networks': rows, 'interpolated': interpolated}).encode())

table = {}
for name in torchvision.models.list_models(torchvision.models):
    if not name.startswith(('resnet', 'wide_resnet', 'resnext', 'regnet', 'convnext', 'vit', 'efficientnet_b')):
        continue
    for weights in torchvision.models.get_model_weights(name):
        meta = weights.meta
        crop = weights.transforms().crop_size[0]
        key = name if crop == 224 or name.startswith('efficientnet') else f'{name} at {crop}'
        if '_ops' in meta and meta.get('num_params'):
            table.setdefault(key, {'parameters': meta['num_params'], 'gmacs': meta['_ops'], 'size': crop})
(here / 'complexity.json').write_text(json.dumps(table, indent=1) + '\n')
