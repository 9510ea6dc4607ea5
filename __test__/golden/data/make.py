"""Makes the goldens of this folder with Pillow, torch and torchvision; prints their versions into index.json.

    python make.py [FOLDER_OF_REFERENCE_GOLDENS]

transforms.bin holds raw arrays; index.json tells offset and shape of each. The reference folder, if given, holds
transforms.npz, transforms.json and samplers.json made with VISSL 0.1.5, which are copied in as cases.
"""
import io, json, sys
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
import torchvision.transforms.functional as F
from PIL import Image, ImageFilter, ImageOps

here = Path(__file__).parent
rng = np.random.RandomState(0)
blob, cases, files = bytearray(), [], []
stored_at = {}


def put(array):
    array = np.ascontiguousarray(array)
    data = array.tobytes()
    offset = stored_at.setdefault(data, len(blob))
    if offset == len(blob):
        blob.extend(data)
    return {'offset': offset, 'shape': list(array.shape), 'dtype': str(array.dtype)}


def case(op, params, source, out):
    source, out = np.asarray(source), np.asarray(out)
    cases.append({'op': op, 'params': params, 'in': put(source), 'out': put(out)})


def smooth(h, w, c):
    base = rng.randint(0, 256, (max(2, h // 6), max(2, w // 6), c)).astype(np.uint8)
    image = Image.fromarray(base[..., 0] if c == 1 else base).resize((w, h), Image.BICUBIC)
    noise = rng.randint(-20, 21, (h, w, c) if c > 1 else (h, w))
    return np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8)


def resize(image, w, h):
    """Rows first, then columns, as the Pillow 9.5 of the reference does; Pillow 13 chooses the order by size."""
    return image.resize((w, image.height), Image.BILINEAR).resize((w, h), Image.BILINEAR)


rgb, gray, odd = smooth(37, 45, 3), smooth(28, 28, 1), smooth(19, 31, 3)
for source in (rgb, gray):
    image = Image.fromarray(source)
    for w, h in ((20, 12), (64, 90), (45, 10), (7, 37)):
        case('resize', {'width': w, 'height': h}, source, resize(image, w, h))
    for top, left, height, width, size in ((3, 5, 20, 17, 24), (0, 0, 28, 28, 14), (4, 2, 9, 21, 21)):
        params = {'top': top, 'left': left, 'height': height, 'width': width, 'size': size}
        case('resized_crop', params, source, resize(F.crop(image, top, left, height, width), size, size))
    for f in (0.0, 0.2, 0.77, 1.0, 1.63, 1.8):
        case('brightness', f, source, F.adjust_brightness(image, f))
        case('contrast', f, source, F.adjust_contrast(image, f))
        case('saturation', f, source, F.adjust_saturation(image, f))
    for f in (-0.5, -0.13, 0.0, 0.07, 0.2, 0.5):
        case('hue', f, source, F.adjust_hue(image, f))
    for f in (0.1, 0.5, 0.93, 1.4, 2.0, 5.5):
        case('blur', f, source, image.filter(ImageFilter.GaussianBlur(f)))
    for t in (0, 1, 100, 255, 256):
        case('solarize', t, source, ImageOps.solarize(image, t))
    case('gray', None, source, image.convert('L'))
    case('flip', None, source, F.hflip(image))
    for size in (12, (30, 11), 64):
        size = list(size) if isinstance(size, tuple) else size
        case('transform', {'name': 'CenterCrop', 'size': size}, source, F.center_crop(image, size))
    for size in (12, 64, [12, 20]):
        case('transform', {'name': 'Resize', 'size': size}, source,
             resize(image, *F.resize(image, size).size))
# Every hue meets a grid of colours.
grid = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(-1, 18 * 18, 3).astype(np.uint8)
case('hue', 0.31, grid, F.adjust_hue(Image.fromarray(grid), 0.31))
case('gray', None, grid, Image.fromarray(grid).convert('L'))

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
tensor = F.to_tensor(Image.fromarray(odd))
case('tensor', [{'name': 'ToTensor'}], odd, tensor.numpy())
both = [{'name': 'ToTensor'}, {'name': 'Normalize', 'mean': MEAN, 'std': STD}]
case('tensor', both, odd, F.normalize(tensor, MEAN, STD).numpy())

# Files as encoders write them, with the pixels that Pillow decodes.
def file(name, image, tolerance, **options):
    stream = io.BytesIO()
    image.save(stream, **options)
    stored = np.frombuffer(stream.getvalue(), np.uint8)
    opened = Image.open(io.BytesIO(stream.getvalue()))
    want = ImageOps.exif_transpose(opened)
    want = np.asarray(want.convert('L' if opened.mode in ('L', 'LA', '1') else 'RGB'))
    files.append({'name': name, 'file': put(stored), 'pixels': put(want), 'tolerance': tolerance})


big = Image.fromarray(smooth(40, 56, 3))
file('jpeg_444', big, 3, format='JPEG', quality=90, subsampling=0)
file('jpeg_420', big, 6, format='JPEG', quality=90)
file('jpeg_422', big, 6, format='JPEG', quality=85, subsampling=1)
file('jpeg_progressive', big, 6, format='JPEG', quality=80, progressive=True)
file('jpeg_gray', big.convert('L'), 2, format='JPEG', quality=90)
file('jpeg_cmyk', big.convert('CMYK'), 4, format='JPEG', quality=95)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file(f'jpeg_exif_{orientation}', big, 6, format='JPEG', quality=90, exif=exif)
file('png_rgb', big, 0, format='PNG')
file('png_gray', big.convert('L'), 0, format='PNG')
file('png_palette', big.convert('P'), 0, format='PNG')
file('png_1bit', big.convert('1'), 0, format='PNG')
alpha = big.convert('RGBA')
alpha.putalpha(big.convert('L'))
file('png_rgba', alpha, 0, format='PNG')
file('png_gray_alpha', alpha.convert('LA'), 0, format='PNG')
palette = big.quantize(7)
file('png_palette_transparent', palette, 0, format='PNG', transparency=2)
exif = Image.Exif()
exif[0x0112] = 6
file('png_exif_6', big, 0, format='PNG', exif=exif)
# 16 bits: what stands in the high byte is kept.
wide = (np.asarray(big.convert('L')).astype(np.uint16) << 8) | rng.randint(0, 256, (40, 56)).astype(np.uint16)
stream = io.BytesIO()
Image.fromarray(wide).save(stream, format='PNG')
files.append({'name': 'png_gray_16', 'file': put(np.frombuffer(stream.getvalue(), np.uint8)),
              'pixels': put((wide >> 8).astype(np.uint8)), 'tolerance': 0})

permutations = []
for n, seed in ((1, 0), (2, 1), (10, 0), (1000, 3), (60000, 7)):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).numpy().astype(np.int64)
    weights = np.arange(1, n + 1, dtype=np.int64) % 1000003
    permutations.append({'n': n, 'seed': seed, 'first': order[:20].tolist(),
                         'checksum': int((order * weights).sum())})

reference = None
if len(sys.argv) > 1:
    folder = Path(sys.argv[1])
    arrays = np.load(folder / 'transforms.npz')
    known = {'Resize', 'CenterCrop', 'ToTensor', 'ImgToTensor', 'ImgPilToRawTensor', 'RandomHorizontalFlip'}
    for entry in json.loads((folder / 'transforms.json').read_text()):
        name, config = entry['case'], entry.get('config')
        if f'{name}/out' in arrays.files and (name.startswith('blur_') or name == 'snake_case' or config['name'] in known):
            source, out = arrays[f'{name}/in'], arrays[f'{name}/out']
            if name.startswith('blur_'):
                case('blur', float(name[5:]), source, out)
            else:
                op = 'tensor' if out.dtype == np.float32 else 'transform'
                case(op, [config] if op == 'tensor' else config, source, out)
    reference = [row for row in json.loads((folder / 'samplers.json').read_text())]
    (here / 'samplers.json').write_text(json.dumps(reference))

# Means over many draws of torchvision's random region of a 45 x 37 image.
torch.manual_seed(0)
regions = []
for scale, ratio in (((0.08, 1.0), (3 / 4, 4 / 3)), ((0.4, 1.0), (3 / 4, 4 / 3)), ((0.9, 1.0), (2.5, 3.0))):
    draws = np.array([torchvision.transforms.RandomResizedCrop.get_params(torch.zeros(3, 37, 45), scale, ratio)
                      for _ in range(20000)], dtype=np.float64)
    top, left, height, width = draws.T
    values = {'area': height * width / (45 * 37), 'aspect': np.log(width / height),
              'left': left / 45, 'top': top / 37}
    regions.append({'scale': scale, 'ratio': ratio, 'means': {k: v.mean() for k, v in values.items()},
                    'deviations': {k: v.std() for k, v in values.items()}})

versions = {'Pillow': PIL.__version__, 'torch': torch.__version__, 'torchvision': torchvision.__version__}
(here / 'transforms.bin').write_bytes(blob)
index = {'versions': versions, 'cases': cases, 'files': files, 'permutations': permutations,
         'regions': regions}
(here / 'index.json').write_text(json.dumps(index, indent=0))
