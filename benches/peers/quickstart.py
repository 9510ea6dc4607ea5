"""The quick start's recipe as a PyTorch user would write it. Prints one JSON line.

python benches/peers/quickstart.py FOLDER [--epochs 7] [--seed 0] [--threads 2] [--workers 2]
FOLDER holds Fashion-MNIST's four idx files (.gz or not).
"""

import argparse
import gzip
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from model import SimCLR, simclr_loss
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image

MEAN, STD = (0.286, 0.286, 0.286), (0.353, 0.353, 0.353)


def read_idx(folder: Path, name: str) -> torch.Tensor:
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    dims = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape).copy())


class TwoViews(Dataset):
    def __init__(self, images: torch.Tensor, args: argparse.Namespace):
        self.images = images
        s = args.jitter
        self.transform = transforms.Compose([
            transforms.RandomResizedCrop(28, scale=(args.crop_min, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomApply([transforms.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)], p=0.8),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        image = to_pil_image(self.images[index]).convert("RGB")
        return self.transform(image), self.transform(image)


def normalised(images: torch.Tensor) -> torch.Tensor:
    rgb = (images.float() / 255)[:, None].expand(-1, 3, -1, -1)
    return (rgb - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


@torch.no_grad()
def knn(features, train, train_labels, test, test_labels, k=20, sigma=0.1) -> float:
    """Top-1 accuracy in percent of the weighted nearest-neighbour vote over L2-normalised features."""
    bank, queries = (
        F.normalize(torch.cat([features(part) for part in images.split(500)]), dim=1) for images in (train, test)
    )
    similarity, index = (queries @ bank.T).topk(k)
    votes = torch.zeros(len(queries), 10).scatter_add_(1, train_labels[index], (similarity / sigma).exp())
    return 100 * (votes.argmax(1) == test_labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name, default in dict(
        epochs=7, seed=0, threads=2, workers=2, batch=256, lr=0.05, temperature=0.2, crop_min=0.2, jitter=1.0,
        width=16, hidden=128, output=64, images=60_000, warmup=0.1, weight_decay=1e-4,
    ).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)

    images, labels = read_idx(args.folder, "train-images-idx3-ubyte"), read_idx(args.folder, "train-labels-idx1-ubyte")
    test, test_labels = read_idx(args.folder, "t10k-images-idx3-ubyte"), read_idx(args.folder, "t10k-labels-idx1-ubyte")
    split = (images[:20_000], labels[:20_000].long(), test[:5_000], test_labels[:5_000].long())

    model = SimCLR(args.width, args.hidden, args.output)

    def accuracy() -> float:
        model.eval()
        result = knn(lambda part: model.trunk(normalised(part)), *split)
        model.train()
        return round(result, 2)

    report = {
        "raw_pixels": round(knn(lambda part: part.float().flatten(1), *split), 2),
        "untrained": accuracy(),
    }
    loader = DataLoader(
        TwoViews(images[: args.images], args), args.batch, shuffle=True, drop_last=True, num_workers=args.workers,
        persistent_workers=args.workers > 0,
    )
    optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=0.9, weight_decay=args.weight_decay)
    steps = args.epochs * len(loader)
    warmup = max(1, int(args.warmup * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: (i + 1) / warmup if i < warmup else 0.5 * (1 + math.cos(math.pi * (i - warmup) / (steps - warmup))),
    )
    began, times = time.perf_counter(), []
    for _ in range(args.epochs):
        for first, second in loader:
            start = time.perf_counter()
            loss = simclr_loss(model(torch.cat([first, second])), args.temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            times.append(time.perf_counter() - start)
    report |= {
        "trained": accuracy(),
        "loss": round(loss.item(), 4),
        "steps": steps,
        "step_ms": round(1000 * statistics.median(times), 1),
        "seconds": round(time.perf_counter() - began, 1),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
