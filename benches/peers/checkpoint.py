"""Time of torch.save of a ResNet-50 with SGD momentum, as many times as asked; prints milliseconds of each."""

import argparse
import json
import os
import tempfile
import time

import torch
from torchvision.models import resnet50

arguments = argparse.ArgumentParser()
arguments.add_argument("--saves", type=int, default=3)
arguments.add_argument("--folder", default=None)
options = arguments.parse_args()

torch.manual_seed(0)
model = resnet50()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for parameter in model.parameters():
    parameter.grad = torch.randn_like(parameter)
optimizer.step()

times = []
with tempfile.TemporaryDirectory(dir=options.folder) as folder:
    for save in range(options.saves):
        path = os.path.join(folder, f"{save}.torch")
        began = time.perf_counter()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
        times.append(1e3 * (time.perf_counter() - began))
        size = os.path.getsize(path)
        os.remove(path)
print(json.dumps({"ms": times, "bytes": size}))
