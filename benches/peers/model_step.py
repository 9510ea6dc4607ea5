"""Time of one train step of a network in eager PyTorch: forward, cross entropy, backward, SGD.

python benches/peers/model_step.py --network resnet50 [--batch 16] [--threads 2] [--warmup 2] [--steps 5]
Prints one JSON line; times in milliseconds.
"""

import argparse
import json
import statistics
import time

import timm
import torch
import torchvision
from torch.nn.functional import cross_entropy


def build(name: str) -> torch.nn.Module:
    if name == "regnet_y_400mf":
        return torchvision.models.regnet_y_400mf()
    if name == "efficientnet_b0":
        return timm.create_model("tf_efficientnet_b0", drop_rate=0.2, drop_path_rate=0.2)
    if name == "vit_ti_16":
        return torchvision.models.VisionTransformer(224, 16, 12, 3, 192, 768)
    return torchvision.models.resnet50()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", required=True)
    for name, default in dict(batch=16, threads=2, warmup=2, steps=5).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    model = build(args.network).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    images = torch.randn(args.batch, 3, 224, 224)
    labels = torch.arange(args.batch) % 1000
    times = []
    for step in range(args.warmup + args.steps):
        start = time.perf_counter()
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        if step >= args.warmup:
            times.append(1000 * (time.perf_counter() - start))
    print(json.dumps({"median_ms": round(statistics.median(times), 1), "steps": len(times)}))


if __name__ == "__main__":
    main()
