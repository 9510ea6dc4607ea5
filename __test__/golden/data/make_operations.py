"""Makes operations.bin and operations.json with Pillow, torchvision and OpenCV; and copies what VISSL 0.1.5 gave.

    python make_operations.py FOLDER_OF_REFERENCE_GOLDENS

operations.bin holds raw arrays; operations.json tells offset and shape of each. The reference folder holds
transforms.npz, transforms.json, collators.json and sample_wrapper.json made with VISSL 0.1.5.
"""
import json, math, sys
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
import torchvision
import torchvision.transforms as T
import torchvision.transforms.functional as F
from PIL import Image, ImageEnhance, ImageOps

here = Path(__file__).parent
rng = np.random.RandomState(1)
blob, cases = bytearray(), []
stored_at = {}


def put(array):
    array = np.ascontiguousarray(array)
    data = array.tobytes()
    offset = stored_at.setdefault(data, len(blob))
    if offset == len(blob):
        blob.extend(data)
    return {'offset': offset, 'shape': list(array.shape), 'dtype': str(array.dtype)}


def case(op, params, source, out):
    cases.append({'op': op, 'params': params, 'in': put(np.asarray(source)), 'out': put(np.asarray(out))})


def smooth(h, w, c):
    base = rng.randint(0, 256, (max(2, h // 6), max(2, w // 6), c)).astype(np.uint8)
    image = Image.fromarray(base[..., 0] if c == 1 else base).resize((w, h), Image.BICUBIC)
    noise = rng.randint(-20, 21, (h, w, c) if c > 1 else (h, w))
    return np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8)


FILTERS = {'nearest': Image.NEAREST, 'bilinear': Image.BILINEAR, 'bicubic': Image.BICUBIC}
rgb, gray, square = smooth(31, 41, 3), smooth(28, 20, 1), smooth(24, 24, 3)
narrow = np.clip(rgb.astype(int) // 3 + 60, 0, 255).astype(np.uint8)
for source in (rgb, gray, square, narrow):
    image = Image.fromarray(source)
    for bits in (0, 1, 3, 4, 7, 8):
        # Pillow refuses 0 bits; torchvision's mask for it is 0.
        out = np.zeros_like(source) if bits == 0 else ImageOps.posterize(image, bits)
        case('posterize', bits, source, out)
    for f in (0.1, 0.6, 1.0, 1.9):
        case('sharpness', f, source, ImageEnhance.Sharpness(image).enhance(f))
    case('autocontrast', None, source, ImageOps.autocontrast(image))
    case('equalize', None, source, ImageOps.equalize(image))
    case('invert', None, source, ImageOps.invert(image))
    lut = [min(255, i + 77) if i < 128 else i for i in range(256)]
    case('solarize_add', 77, source, image.point(lut * len(image.getbands())))
    case('flip_vertical', None, source, ImageOps.flip(image))
    for name, filter in FILTERS.items():
        for angle in (0, 17.5, -30, 45, 90, 120, 180, 225, 270, 288):
            fill = 0 if image.mode == 'L' else (0, 0, 0)
            case('rotate', {'degrees': angle, 'filter': name, 'fill': 0}, source, image.rotate(angle, filter, fillcolor=fill))
        gray_fill = 128 if image.mode == 'L' else (128, 128, 128)
        for matrix in ((1, 0.23, 0, 0, 1, 0), (1, 0, 0, -0.17, 1, 0), (1, 0, 4.3, 0, 1, 0), (1, 0, 0, 0, 1, -7.1)):
            out = image.transform(image.size, Image.AFFINE, matrix, filter, fillcolor=gray_fill)
            case('affine', {'matrix': matrix, 'filter': name, 'fill': 128}, source, out)
    for w, h in ((16, 12), (60, 50)):
        case('resize_bicubic', {'width': w, 'height': h}, source,
             image.resize((w, image.height), Image.BICUBIC).resize((w, h), Image.BICUBIC))
        case('resize_nearest', {'width': w, 'height': h}, source, image.resize((w, h), Image.NEAREST))
    for mode in ('constant', 'edge', 'reflect', 'symmetric'):
        params = {'name': 'Pad', 'padding': [3, 1, 5, 2], 'padding_mode': mode, 'fill': 7}
        case('transform', params, source, F.pad(image, [3, 1, 5, 2], 7, mode))
    case('transform', {'name': 'CenterCrop', 'size': [50, 12]}, source, F.center_crop(image, [50, 12]))
    for angle, shift, scale, shear in ((20, (3, -2), 1.1, (5, 0)), (-35, (0, 0), 0.8, (-8, 12))):
        for name in FILTERS:
            out = F.affine(image, angle, shift, scale, shear, T.InterpolationMode(name), 0)
            case('torchvision_affine', {'angle': angle, 'shift': shift, 'scale': scale, 'shear': shear, 'filter': name},
                 source, out)
    tensor = torch.from_numpy(np.atleast_3d(source).transpose(2, 0, 1).copy())
    for kernel, sigma in (((5, 3), 1.3), ((9, 9), 0.4)):
        out = F.gaussian_blur(tensor, list(kernel), [sigma, sigma]).numpy().transpose(1, 2, 0)
        case('kernel_blur', {'kernel': kernel, 'sigma': sigma}, source, out if source.ndim == 3 else out[..., 0])
grid = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(-1, 18 * 18, 3).astype(np.uint8)
for source in (grid, rgb):
    case('lab', None, source, cv2.cvtColor(np.ascontiguousarray(source[..., ::-1]), cv2.COLOR_BGR2Lab))

# NumPy's choice without replacement, as the later reference draws a part of a data set.
choices = []
for seed, total, size in ((0, 10, 4), (3, 100, 20), (7, 1000, 1000)):
    choices.append({'seed': seed, 'total': total, 'size': size,
                    'drawn': np.random.RandomState(seed).choice(total, size, replace=False).tolist()})

# Quantiles of what torchvision and NumPy draw, for comparison of distributions.
torch.manual_seed(0)
quantiles = [i / 20 for i in range(21)]
draws = {'beta_0.2': np.random.RandomState(0).beta(0.2, 0.2, 20000), 'beta_1': np.random.RandomState(1).beta(1, 1, 20000),
         'normal': np.random.RandomState(2).normal(size=20000)}
for scale in ((0.08, 1.0), (0.3, 0.4)):
    params = [T.RandomResizedCrop.get_params(torch.zeros(3, 37, 45), scale, (3 / 4, 4 / 3)) for _ in range(20000)]
    top, left, height, width = np.array(params, dtype=np.float64).T
    name = f'crop_{scale[0]}'
    draws |= {f'{name}_area': height * width, f'{name}_aspect': width / height, f'{name}_left': left, f'{name}_top': top}
erased = []
for _ in range(20000):
    top, left, height, width, _ = T.RandomErasing.get_params(torch.zeros(3, 37, 45), (0.02, 0.33), (0.3, 3.3), [0.0])
    erased.append((top, left, height, width))
top, left, height, width = np.array(erased, dtype=np.float64).T
draws |= {'erase_area': height * width, 'erase_left': left, 'erase_top': top}
samples = {name: np.sort(values)[::20].astype(float).tolist() for name, values in draws.items()}

folder = Path(sys.argv[1])
arrays = np.load(folder / 'transforms.npz')
reference = []
for entry in json.loads((folder / 'transforms.json').read_text()):
    name = entry['case']
    if f'{name}/out' in arrays.files and name.startswith('rotate_'):
        case('rotate', {'degrees': 360 * entry['label'] / entry['config']['num_angles'], 'filter': 'nearest', 'fill': 0},
             arrays[f'{name}/in'], arrays[f'{name}/out'])
    if name.startswith(('patches_', 'shuffle_', 'multicrop_')):
        reference.append(entry)
(here / 'reference.json').write_text(json.dumps(reference))
for name in ('collators.json', 'sample_wrapper.json'):
    (here / name).write_text((folder / name).read_text())

versions = {'Pillow': PIL.__version__, 'torch': torch.__version__, 'torchvision': torchvision.__version__,
            'opencv-python-headless': cv2.__version__, 'numpy': np.__version__}
(here / 'operations.bin').write_bytes(blob)
(here / 'operations.json').write_text(json.dumps(
    {'versions': versions, 'cases': cases, 'choices': choices, 'draws': samples}))
