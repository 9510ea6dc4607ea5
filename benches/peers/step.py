"""Time of one train step of the quick start's model in eager PyTorch: forward, loss, backward, default SGD.

python benches/peers/step.py [--batch 512] [--threads 2] [--warmup 5] [--steps 20]
`--batch` counts images after stacking the two views. Prints one JSON line; times in milliseconds.
"""

import argparse
import json
import statistics
import time

import torch
from model import SimCLR, simclr_loss


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in dict(batch=512, threads=2, warmup=5, steps=20, width=16, seed=0).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    model = SimCLR(args.width)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    images = torch.randn(args.batch, 3, 28, 28)
    times = []
    for step in range(args.warmup + args.steps):
        start = time.perf_counter()
        loss = simclr_loss(model(images), 0.2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        if step >= args.warmup:
            times.append(1000 * (time.perf_counter() - start))
    print(json.dumps({"median_ms": round(statistics.median(times), 2), "min_ms": round(min(times), 2), "steps": len(times)}))


if __name__ == "__main__":
    main()
