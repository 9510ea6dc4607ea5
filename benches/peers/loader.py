"""Samples a second of the two-view SimCLR pipeline at 224 on one thread, and what single operations take.

    loader.py pillow|torchvision|albumentations FOLDER SECONDS [pipeline|operations]

pillow: as VISSL writes it (PIL, torchvision on PIL images, PIL's Gaussian blur). torchvision: v2 on uint8 tensors.
Prints one JSON line.
"""
import io
import json
import random
import sys
import time
from pathlib import Path

import numpy as np

library, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
what = sys.argv[4] if len(sys.argv) > 4 else 'pipeline'
files = [path.read_bytes() for path in sorted(folder.glob('*.jpg'))]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pillow():
    import torch
    import torchvision.transforms as T
    from PIL import Image, ImageFilter
    torch.set_num_threads(1)

    class Blur:
        def __init__(self, p):
            self.p = p

        def __call__(self, image):
            return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0))) if random.random() < self.p else image

    def decode(data):
        return Image.open(io.BytesIO(data)).convert('RGB')

    steps = {
        'crop': T.RandomResizedCrop(224), 'flip': T.RandomHorizontalFlip(1.0),
        'brightness': T.ColorJitter(brightness=0.8), 'contrast': T.ColorJitter(contrast=0.8),
        'saturation': T.ColorJitter(saturation=0.8), 'hue': T.ColorJitter(hue=0.2), 'gray': T.RandomGrayscale(1.0),
        'blur': Blur(1.0), 'tensor': T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)]),
    }
    view = T.Compose([
        T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.RandomApply([T.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
        T.RandomGrayscale(0.2), Blur(0.5), T.ToTensor(), T.Normalize(MEAN, STD)])
    return decode, view, steps


def torchvision():
    import torch
    import torchvision.transforms.v2 as T
    from torchvision.io import ImageReadMode, decode_jpeg
    torch.set_num_threads(1)

    def decode(data):
        return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)

    # 9 taps hold what a deviation of 2 needs nearly whole; SimCLR's own would be 23.
    blur = T.GaussianBlur(9, (0.1, 2.0))
    to_float = [T.ToDtype(torch.float32, scale=True), T.Normalize(MEAN, STD)]
    steps = {
        'crop': T.RandomResizedCrop(224, antialias=True), 'flip': T.RandomHorizontalFlip(1.0),
        'brightness': T.ColorJitter(brightness=0.8), 'contrast': T.ColorJitter(contrast=0.8),
        'saturation': T.ColorJitter(saturation=0.8), 'hue': T.ColorJitter(hue=0.2), 'gray': T.RandomGrayscale(1.0),
        'blur': blur, 'tensor': T.Compose(to_float),
    }
    view = T.Compose([
        T.RandomResizedCrop(224, antialias=True), T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8), T.RandomGrayscale(0.2), T.RandomApply([blur], 0.5), *to_float])
    return decode, view, steps


def albumentations():
    import albumentations as A
    import cv2
    cv2.setNumThreads(1)

    def decode(data):
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def jitter(p=1.0, **factors):
        none = {'brightness': (1, 1), 'contrast': (1, 1), 'saturation': (1, 1), 'hue': (0, 0)}
        return A.ColorJitter(**{**none, **factors}, p=p)

    full = {'brightness': (0.2, 1.8), 'contrast': (0.2, 1.8), 'saturation': (0.2, 1.8), 'hue': (-0.2, 0.2)}
    to_float = A.Normalize(MEAN, STD)
    steps = {
        'crop': A.RandomResizedCrop((224, 224)), 'flip': A.HorizontalFlip(p=1.0),
        **{name: jitter(**{name: factor}) for name, factor in full.items()}, 'gray': A.ToGray(p=1.0),
        'blur': A.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 2.0), p=1.0), 'tensor': A.Compose([to_float, A.ToTensorV2()]),
    }
    compose = A.Compose([
        A.RandomResizedCrop((224, 224)), A.HorizontalFlip(), jitter(0.8, **full), A.ToGray(p=0.2),
        A.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 2.0), p=0.5), to_float, A.ToTensorV2()])
    return decode, lambda image: compose(image=image)['image'], {
        name: (lambda image, step=step: step(image=image)) for name, step in steps.items()}


decode, view, steps = {'pillow': pillow, 'torchvision': torchvision, 'albumentations': albumentations}[library]()


def timed(work, seconds):
    """Seconds of CPU time a call, after a tenth of the time to warm up."""
    end = time.process_time() + seconds / 10
    at = 0
    while time.process_time() < end:
        work(at)
        at += 1
    count, began = 0, time.process_time()
    while (now := time.process_time()) - began < seconds:
        work(count)
        count += 1
    return (now - began) / count


if what == 'pipeline':
    def sample(at):
        image = decode(files[at % len(files)])
        return view(image), view(image)
    print(json.dumps({'samples_per_s': 1 / timed(sample, seconds)}))
else:
    photos = [decode(data) for data in files]
    crop = steps['crop']
    cut = [crop(photo)['image'] if library == 'albumentations' else crop(photo) for photo in photos]
    result = {'decode': timed(lambda at: decode(files[at % len(files)]), seconds) * 1e3}
    for name, step in steps.items():
        inputs = photos if name == 'crop' else cut
        result[name] = timed(lambda at: step(inputs[at % len(inputs)]), seconds) * 1e3
    print(json.dumps(result))
