"""The quick start's network in plain PyTorch: a ResNet of any base width with a small-image stem, and the MLP head."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, ResNet


class SmallResNet(ResNet):
    """ResNet-18 whose stem is one 3x3 convolution of stride 2 without max-pooling, and without the classifier."""

    def __init__(self, width: int = 16):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=1)
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity()
        self.layer1 = self._make_layer(BasicBlock, width, 2)
        self.layer2 = self._make_layer(BasicBlock, 2 * width, 2, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * width, 2, stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * width, 2, stride=2)
        self.fc = nn.Identity()
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
                module.reset_parameters()  # the framework's default, not torchvision's fan-out initialisation


class SimCLR(nn.Module):
    def __init__(self, width: int = 16, hidden: int = 128, output: int = 64):
        super().__init__()
        self.trunk = SmallResNet(width)
        self.head = nn.Sequential(nn.Linear(8 * width, hidden), nn.ReLU(), nn.Linear(hidden, output))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.trunk(images))


def simclr_loss(embeddings: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE over 2B embeddings, the two views stacked (Chen et al. 2020, arXiv:2002.05709)."""
    z = F.normalize(embeddings, dim=1)
    logits = z @ z.T / temperature
    logits.fill_diagonal_(float("-inf"))
    half = len(z) // 2
    partner = torch.arange(len(z), device=z.device).roll(half)
    return F.cross_entropy(logits, partner)
