"""Values and gradients of losses that VISSL 0.1.5 lacks, restated in PyTorch from their papers.

Run with torch 2.13.0, numpy 2.x:  python make.py   (writes beyond.npz beside this file)
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
out = {}


def case(name, inputs, fixed, value):
    """Stores inputs, fixed tensors, the loss, and the gradients of the inputs."""
    leaves = {key: tensor.clone().requires_grad_() for key, tensor in inputs.items()}
    loss = value(**leaves, **fixed)
    loss.backward()
    out[f"{name}/loss"] = loss.detach().numpy()
    for key, leaf in leaves.items():
        out[f"{name}/{key}"] = leaf.detach().numpy()
        out[f"{name}/grad_{key}"] = leaf.grad.numpy()
    for key, tensor in fixed.items():
        out[f"{name}/{key}"] = tensor.numpy()


def off_diagonal(matrix):
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)]


def barlow_twins(output, lam=0.01, scale=0.1):
    z = F.batch_norm(output, None, None, training=True, eps=1e-5)
    a, b = z.chunk(2)
    c = torch.einsum("nd,ne->de", a, b) / len(a)
    return scale * ((torch.diagonal(c) - 1).square().sum() + lam * off_diagonal(c).square().sum())


case("barlow_twins_loss", {"output": torch.randn(10, 4)}, {}, barlow_twins)


def vicreg(output):
    a, b = output.chunk(2)
    invariance = F.mse_loss(a, b)
    variance = sum(F.relu(1 - torch.sqrt(x.var(0) + 1e-4)).mean() / 2 for x in (a, b))
    covariance = sum(off_diagonal(torch.cov(x.T)).square().sum() / x.shape[1] for x in (a, b))
    return 25 * invariance + 25 * variance + covariance


case("vicreg_loss", {"output": 0.7 * torch.randn(10, 4)}, {}, vicreg)


def simsiam(output, projection):
    p1, p2 = output.chunk(2)
    z1, z2 = projection.chunk(2)
    cos = F.cosine_similarity
    return -(cos(p1, z2).mean() + cos(p2, z1).mean()) / 2


case("simsiam_loss", {"output": torch.randn(10, 4)}, {"projection": torch.randn(10, 4)}, simsiam)


def byol(output, teacher):
    p1, p2 = (F.normalize(x) for x in output.chunk(2))
    z1, z2 = (F.normalize(x) for x in teacher.chunk(2))
    return (p1 - z2).square().sum(1).mean() + (p2 - z1).square().sum(1).mean()


case("byol_loss", {"output": torch.randn(10, 4)}, {"teacher": torch.randn(10, 4)}, byol)


def mocov3(output, teacher, t=0.2):
    q1, q2 = (F.normalize(x) for x in output.chunk(2))
    k1, k2 = (F.normalize(x) for x in teacher.chunk(2))
    target = torch.arange(len(q1))
    return 2 * t * (F.cross_entropy(q1 @ k2.T / t, target) + F.cross_entropy(q2 @ k1.T / t, target))


case("mocov3_loss", {"output": torch.randn(10, 4)}, {"teacher": torch.randn(10, 4)}, mocov3)


def nnclr(output, projection, queue, t=0.1):
    p1, p2 = (F.normalize(x) for x in output.chunk(2))
    z1, z2 = (F.normalize(x) for x in projection.chunk(2))
    target = torch.arange(len(p1))
    loss = 0
    for z, p in ((z1, p2), (z2, p1)):
        near = queue[(torch.cdist(z, queue)).argmin(1)]
        loss = loss + F.cross_entropy(near @ p.T / t, target) / 2
    return loss


case(
    "nnclr_loss",
    {"output": torch.randn(10, 4)},
    {"projection": torch.randn(10, 4), "queue": F.normalize(torch.randn(15, 4))},
    nnclr,
)


def dino(output, teacher, center, t=0.04, crops=(0, 1)):
    q = F.softmax((teacher - center) / t, -1).chunk(len(crops))
    s = output.chunk(4)
    terms = [
        -(q[i] * F.log_softmax(s[v] / 0.1, -1)).sum(-1).mean()
        for i, crop in enumerate(crops)
        for v in range(4)
        if v != crop
    ]
    return sum(terms) / len(terms)


case(
    "dino_loss",
    {"output": torch.randn(12, 5)},
    {"teacher": 0.1 * torch.randn(6, 5), "center": 0.1 * torch.randn(1, 5)},
    dino,
)


def mae(output, images, mask, p=2):
    n, c, h, w = images.shape
    target = F.unfold(images, p, stride=p)  # N, C*p*p, P; channels outermost
    target = target.view(n, c, p * p, -1).permute(0, 3, 2, 1).reshape(n, -1, p * p * c)
    target = (target - target.mean(-1, True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    return (((output - target) ** 2).mean(-1) * mask).sum() / mask.sum()


case(
    "mae_loss",
    {"output": torch.randn(2, 6, 12)},
    {"images": torch.randn(2, 3, 4, 6), "mask": (torch.rand(2, 6) > 0.4).double()},
    mae,
)

np.savez(Path(__file__).parent / "beyond.npz", **out)
