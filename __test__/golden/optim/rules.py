"""Twenty steps of every optimizer with every rule for parameter groups: python rules.py (torch 2.13.0).

Writes rules.json.gz. The optimizers are PyTorch's; LARC, LARS and RMSprop with eps before the root are restated here,
LARC around PyTorch's SGD. Which parameter is in which group is stated by hand for each rule.
"""
import gzip
import json
import pathlib

import torch

SHAPES = {
    "trunk.0.weight": (3, 2, 2, 2), "trunk.0.bias": (3,),      # convolution
    "trunk.1.weight": (3,), "trunk.1.bias": (3,),              # batch normalisation
    "trunk.2.weight": (4, 6), "trunk.2.bias": (4,),            # linear
    "trunk.3.weight": (4,), "trunk.3.bias": (4,),              # group normalisation
    "heads.0.weight": (3, 4), "heads.0.bias": (3,),            # linear
    "heads.1.weight": (3,), "heads.1.bias": (3,),              # batch normalisation
}
WD, HEAD_WD, LR, HEAD_LR = 0.02, 0.05, 0.05, 0.02
TRUNK_BIAS = ["trunk.0.bias", "trunk.2.bias"]
TRUNK_NORM = ["trunk.1.weight", "trunk.1.bias"]

# Parameters of each rule that are not decayed; heads have their own decay and rate under the rule "heads".
UNDECAYED = {
    "default": TRUNK_NORM + ["heads.1.weight", "heads.1.bias"],
    "regularize_bn": [],
    "no_bias": TRUNK_NORM + ["heads.0.bias", "heads.1.weight", "heads.1.bias"],
    "bn_no_bias": ["trunk.1.bias", "heads.0.bias", "heads.1.bias"],
    "no_trunk_bias": TRUNK_NORM + TRUNK_BIAS + ["heads.1.weight", "heads.1.bias"],
    "named": TRUNK_NORM + ["trunk.2.weight", "trunk.3.bias", "heads.0.bias", "heads.1.weight", "heads.1.bias",
                           "trunk.2.bias", "trunk.0.bias"],
    "heads": TRUNK_NORM + ["heads.1.weight", "heads.1.bias"],
    "single": [],
}
OPTIONS = {
    "default": {},
    "regularize_bn": {"regularize_bn": True},
    "no_bias": {"regularize_bias": False},
    "bn_no_bias": {"regularize_bn": True, "regularize_bias": False},
    "no_trunk_bias": {"regularize_trunk_bias": False},
    "named": {"non_regularized_parameters": ["bias", "trunk.2"]},
    "heads": {"head_optimizer_params": {"use_different_lr": True, "use_different_wd": True,
                                        "weight_decay": HEAD_WD}},
    "single": {"construct_single_param_group_only": True},
}


def values(shape, seed):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) * 0.37 + seed).sin().reshape(shape)


class RMSpropTF(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum, alpha, eps):
        super().__init__(params, dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, weight_decay=0))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                s = self.state[p]
                if not s:
                    s["v"], s["b"] = torch.zeros_like(p), torch.zeros_like(p)
                g = p.grad + group["weight_decay"] * p
                s["v"] = group["alpha"] * s["v"] + (1 - group["alpha"]) * g * g
                s["b"] = group["momentum"] * s["b"] + g / (s["v"] + group["eps"]).sqrt()
                p -= group["lr"] * s["b"]


class LARS(torch.optim.Optimizer):
    def __init__(self, params, momentum, trust, eps, skip_vectors=False):
        super().__init__(params, dict(lr=0, momentum=momentum, trust=trust, eps=eps, weight_decay=0,
                                      skip_vectors=skip_vectors))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                v = self.state[p].setdefault("v", torch.zeros_like(p))
                skip = group["skip_vectors"] and p.dim() <= 1
                wd = 0 if skip else group["weight_decay"]
                pn, gn = p.norm(), p.grad.norm()
                rate = 1 if skip or pn == 0 or gn == 0 else group["trust"] * pn / (gn + wd * pn + group["eps"])
                v.copy_(group["momentum"] * v + group["lr"] * rate * (p.grad + wd * p))
                p -= v


class LARC:
    """The rule of section 9 around SGD."""

    def __init__(self, params, trust, eps, clip, **options):
        self.inner = torch.optim.SGD(params, lr=0.1, **options)
        self.param_groups, self.settings = self.inner.param_groups, (trust, eps, clip)

    @torch.no_grad()
    def step(self):
        trust, eps, clip = self.settings
        decays = [group["weight_decay"] for group in self.param_groups]
        for group in self.param_groups:
            wd, group["weight_decay"] = group["weight_decay"], 0
            for p in group["params"]:
                pn, gn = p.norm(), p.grad.norm()
                if pn != 0 and gn != 0:
                    a = trust * pn / (gn + wd * pn + eps)
                    if clip:
                        a = min(a / group["lr"], 1)
                    p.grad = (p.grad + wd * p) * a
        self.inner.step()
        for group, decay in zip(self.param_groups, decays):
            group["weight_decay"] = decay


O = torch.optim
CASES = {
    "sgd": ({"name": "sgd", "momentum": 0.9}, lambda g: O.SGD(g, momentum=0.9)),
    "sgd nesterov": ({"name": "sgd", "momentum": 0.8, "nesterov": True},
                     lambda g: O.SGD(g, momentum=0.8, nesterov=True)),
    "sgd plain": ({"name": "sgd", "momentum": 0}, lambda g: O.SGD(g)),
    "larc": ({"name": "sgd", "use_larc": True, "momentum": 0.9,
              "larc_config": {"clip": False, "eps": 1e-8, "trust_coefficient": 0.02}},
             lambda g: LARC(g, 0.02, 1e-8, False, momentum=0.9)),
    "larc clip": ({"name": "sgd", "use_larc": True, "momentum": 0.9,
                   "larc_config": {"clip": True, "eps": 1e-8, "trust_coefficient": 0.02}},
                  lambda g: LARC(g, 0.02, 1e-8, True, momentum=0.9)),
    "lars": ({"name": "lars", "momentum": 0.9, "trust_coefficient": 0.02}, lambda g: LARS(g, 0.9, 0.02, 1e-8)),
    "lars skip_vectors": ({"name": "lars", "momentum": 0.9, "trust_coefficient": 0.02, "skip_vectors": True},
                          lambda g: LARS(g, 0.9, 0.02, 1e-8, True)),
    "adam": ({"name": "adam", "betas": [0.9, 0.99]}, lambda g: O.Adam(g, betas=(0.9, 0.99))),
    "adam amsgrad": ({"name": "adam", "amsgrad": True, "eps": 1e-6}, lambda g: O.Adam(g, amsgrad=True, eps=1e-6)),
    "adamw": ({"name": "adamw"}, lambda g: O.AdamW(g)),
    "adamw amsgrad": ({"name": "adamw", "amsgrad": True}, lambda g: O.AdamW(g, amsgrad=True)),
    "adamax": ({"name": "adamax"}, lambda g: O.Adamax(g)),
    "nadam": ({"name": "nadam"}, lambda g: O.NAdam(g)),
    "radam": ({"name": "radam", "betas": [0.8, 0.9]}, lambda g: O.RAdam(g, betas=(0.8, 0.9))),
    "rmsprop": ({"name": "rmsprop", "momentum": 0.9}, lambda g: O.RMSprop(g, momentum=0.9)),
    "rmsprop centered": ({"name": "rmsprop", "momentum": 0, "centered": True, "alpha": 0.9},
                         lambda g: O.RMSprop(g, centered=True, alpha=0.9)),
    "rmsprop_tf": ({"name": "rmsprop_tf", "momentum": 0.9, "eps": 0.01},
                   lambda g: RMSpropTF(g, 0.05, 0.9, 0.99, 0.01)),
    "adagrad": ({"name": "adagrad", "lr_decay": 0.1, "initial_accumulator_value": 0.1},
                lambda g: O.Adagrad(g, lr_decay=0.1, initial_accumulator_value=0.1)),
    "adadelta": ({"name": "adadelta"}, lambda g: O.Adadelta(g)),
}

rows = []
for case, (config, make) in CASES.items():
    for rule, options in OPTIONS.items():
        parameters = {name: torch.nn.Parameter(values(shape, 1.0 + i))
                      for i, (name, shape) in enumerate(SHAPES.items())}
        groups = []
        for name, parameter in parameters.items():
            head = name.startswith("heads") and rule == "heads"
            decay = 0.0 if name in UNDECAYED[rule] else HEAD_WD if head else WD
            groups.append({"params": [parameter], "lr": HEAD_LR if head else LR, "weight_decay": decay})
        optimizer = make(groups)
        for step in range(20):
            for i, parameter in enumerate(parameters.values()):
                parameter.grad = values(parameter.shape, 2.0 * i + 0.3 * step)
            optimizer.step()
        rows.append({"case": case, "rule": rule, "config": {**config, "weight_decay": WD, **options},
                     "after": {name: p.flatten().tolist() for name, p in parameters.items()}})
path = pathlib.Path(__file__).with_name("rules.json.gz")
path.write_bytes(gzip.compress(json.dumps({"shapes": SHAPES, "lr": LR, "head_lr": HEAD_LR, "rows": rows}).encode(), mtime=0))
