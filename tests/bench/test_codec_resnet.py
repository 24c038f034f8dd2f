from __future__ import annotations

import torch

from bench.codec_resnet import ResNet


def test_size_and_shape() -> None:
    model = ResNet()
    assert 2_700_000 < sum(p.numel() for p in model.parameters()) < 2_900_000
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
