"""Describe an 18-layer ResNet of half the usual width: 2.8 million parameters, one channel in."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ResNet"]

WIDTHS = (32, 64, 128, 256)
BLOCKS = 2
CLASSES = 10


class _Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, images: Tensor) -> Tensor:
        hidden = functional.relu(self.bn1(self.conv1(images)))
        out: Tensor = functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(images))
        return out


class ResNet(nn.Module):
    """Four stages of two blocks. The first convolution halves the image, for the time it saves."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, WIDTHS[0], 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        blocks: list[nn.Module] = []
        inputs = WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            for block in range(BLOCKS):
                blocks.append(_Block(inputs, width, 2 if stage and not block else 1))
                inputs = width
        self.layers = nn.Sequential(*blocks)
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of a batch of images (N, 1, 28, 28)."""
        hidden = self.layers(functional.relu(self.bn1(self.conv1(images))))
        logits: Tensor = self.fc(hidden.mean((2, 3)))
        return logits
