"""Small models of every family that a network must hold, each with example inputs by seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["MODELS", "Case"]


class Case:
    """A model's class and how to make inputs for a batch size."""

    def __init__(
        self, make: Callable[[], nn.Module], inputs: Callable[[int], torch.Tensor]
    ) -> None:
        self.make = make
        self.inputs = inputs


def _images(channels: int, size: int) -> Callable[[int], torch.Tensor]:
    return lambda batch: torch.randn(batch, channels, size, size)


def _tokens(batch: int) -> torch.Tensor:
    # The length changes with the batch, since both are free.
    return torch.randint(0, 20, (batch, 5 + batch))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3)
    )


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(64, 12)
        self.fc2 = nn.Linear(12, 10)

    def forward(self, x: Any) -> Any:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        return functional.log_softmax(self.fc2(functional.relu(self.fc1(x))), dim=1)


class AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(8, 12, 3, padding=1, groups=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(12, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(32, 16), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(16, 4)
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class NamedAlexNet(nn.Module):
    """AlexNet with the names of its first publication: conv1 to conv5, fc6 to fc8."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1, groups=2)
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(12, 12, 3, padding=1)
        self.conv4 = nn.Conv2d(12, 8, 3, padding=1)
        self.conv5 = nn.Conv2d(8, 8, 3, padding=1)
        self.pool5 = nn.MaxPool2d(2)
        self.fc6 = nn.Linear(32, 16)
        self.fc7 = nn.Linear(16, 12)
        self.fc8 = nn.Linear(12, 5)

    def forward(self, x: Any) -> Any:
        x = self.pool1(torch.relu(self.conv1(x)))
        x = self.pool2(torch.relu(self.conv2(x)))
        x = self.conv5(torch.relu(self.conv4(torch.relu(self.conv3(x)))))
        x = torch.flatten(self.pool5(torch.relu(x)), 1)
        return self.fc8(torch.relu(self.fc7(torch.relu(self.fc6(x)))))


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    for inside, outside in ((3, 4), (4, 8)):
        layers += [
            nn.Conv2d(inside, outside, 3, padding=1),
            nn.BatchNorm2d(outside),
            nn.ReLU(True),
        ]
    return nn.Sequential(*layers, nn.MaxPool2d(2, 2), nn.Flatten(), nn.Linear(8 * 16, 3))


class Block(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Any) -> Any:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 8, 2))
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        x = self.layer1(self.relu(self.bn1(self.conv1(x))))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class MobileBlock(nn.Module):
    """Depthwise convolution, squeeze and excitation, a skip, as in MobileNet and EfficientNet."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(
            nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(True)
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
            nn.BatchNorm2d(8),
            nn.Hardswish(True),
        )
        self.squeeze = nn.Conv2d(8, 2, 1)
        self.excite = nn.Conv2d(2, 8, 1)
        self.project = nn.Sequential(nn.Conv2d(8, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.silu = nn.SiLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.depthwise(self.expand(x))
        scale = self.excite(self.silu(self.squeeze(functional.adaptive_avg_pool2d(y, 1))))
        return x + self.project(y * torch.sigmoid(scale))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.middle = nn.Conv2d(4, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.smooth = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.out = nn.Conv2d(16, 2, 1)

    def forward(self, x: Any) -> Any:
        skip = functional.relu(self.down(x))
        deep = functional.relu(self.middle(self.pool(skip)))
        return self.out(torch.cat([skip, self.up(deep), self.smooth(deep)], dim=1))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module], **options: Any) -> None:
        super().__init__()
        self.emb = nn.Embedding(20, 8, padding_idx=0)
        self.rnn = kind(8, 6, num_layers=2, batch_first=True, dropout=0.3, **options)
        self.fc = nn.Linear(12 if options else 6, 3)

    def forward(self, tokens: Any) -> Any:
        out, _ = self.rnn(self.emb(tokens))
        return self.fc(out[:, -1])


class Encoder(nn.Module):
    """nn.TransformerEncoder over tokens, with tied input and output weights and a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(20, 8)
        self.register_buffer("positions", torch.randn(64, 8), persistent=False)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.emb.weight

    def forward(self, tokens: Any) -> Any:
        x = self.emb(tokens) + self.positions[: tokens.shape[1]]
        mask = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        return {"logits": self.head(self.encoder(x, mask=mask, is_causal=False))}


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 8, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, 8))
        self.pos = nn.Parameter(torch.randn(1, 5, 8))
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        x = self.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.pos
        return self.head(self.encoder(x)[:, 0])


MODELS: dict[str, Case] = {
    "mlp": Case(mlp, _images(1, 4)),
    "lenet": Case(LeNet, _images(1, 16)),
    "alexnet": Case(AlexNet, _images(3, 32)),
    "named": Case(NamedAlexNet, _images(3, 16)),
    "vgg": Case(vgg, _images(3, 8)),
    "resnet": Case(ResNet, _images(3, 8)),
    "mobile": Case(MobileBlock, _images(4, 8)),
    "unet": Case(UNet, _images(1, 8)),
    "lstm": Case(lambda: Recurrent(nn.LSTM, bidirectional=True), _tokens),
    "gru": Case(lambda: Recurrent(nn.GRU), _tokens),
    "encoder": Case(Encoder, _tokens),
    "vit": Case(ViT, _images(3, 8)),
}
