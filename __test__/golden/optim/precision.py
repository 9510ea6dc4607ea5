"""PyTorch's gradient scaler and gradient clipping: python precision.py > precision.json (torch 2.13.0)."""
import json
import math

import torch


def scaler(name, script, **options):
    """One update for each entry of the script: "" is a good gradient, "inf" and "nan" are not."""
    scaler = torch.amp.GradScaler("cpu", **options)
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    rows = []
    for entry in script:
        optimizer.zero_grad()
        scaler.scale((parameter * torch.tensor([0.25, 0.5, 1.0])).sum()).backward()
        if entry:
            parameter.grad[1] = float(entry)
        scaler.step(optimizer)
        scaler.update()
        rows.append({"parameter": parameter.tolist(), "scale": scaler.get_scale(),
                     "tracker": scaler._growth_tracker.item()})
    return {"case": name, "options": options, "script": script, "rows": rows, "state": scaler.state_dict()}


def numbers(values):
    return [v if math.isfinite(v) else str(v) for v in values]


def clip(name, gradients, kind, limit, norm_type=2.0):
    parameters = [torch.nn.Parameter(torch.zeros(len(g))) for g in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = torch.tensor(gradient)
    total = None
    if kind == "norm":
        total = torch.nn.utils.clip_grad_norm_(parameters, limit, norm_type).item()
        total = total if math.isfinite(total) else str(total)
    else:
        torch.nn.utils.clip_grad_value_(parameters, limit)
    return {"case": name, "gradients": [numbers(g) for g in gradients], "kind": kind, "limit": limit,
            "norm_type": numbers([norm_type])[0], "total": total,
            "clipped": [numbers(p.grad.tolist()) for p in parameters]}


A = [[3.0, -4.0], [0.5, 12.0, -0.25]]
print(json.dumps({
    "scaler": [
        scaler("defaults", ["", "inf", "", "nan", ""]),
        scaler("growth", ["", "", "", "inf", "", "", "", "", "", "", "inf", "inf", ""],
               init_scale=8.0, growth_interval=3),
        scaler("factors", ["", "", "inf", "", "", "-inf", "", ""],
               init_scale=1000.0, growth_factor=1.7, backoff_factor=0.3, growth_interval=2),
        scaler("stays finite", ["", "", ""], init_scale=3e38, growth_interval=1),
    ],
    "clip": [
        clip("norm", A, "norm", 1.0),
        clip("norm within", A, "norm", 100.0),
        clip("norm 1", A, "norm", 2.0, 1.0),
        clip("norm 3", A, "norm", 2.0, 3.0),
        clip("norm inf", A, "norm", 2.0, math.inf),
        clip("norm of nan", [[1.0, math.nan], [2.0]], "norm", 1.0),
        clip("value", A, "value", 0.4),
    ],
}, indent=1))
