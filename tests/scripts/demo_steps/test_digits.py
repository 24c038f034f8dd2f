from __future__ import annotations

import json
from pathlib import Path

import torch

from demo_steps.digits import Cnn, fine_tune, write_network
from modelhub.net import build, from_json


def test_training_the_last_layer_leaves_the_others_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = tmp_path / "start.pt"
    torch.save(Cnn().state_dict(), start)
    run = fine_tune(start, tmp_path / "run", rate=1e-3, layers=("fc2",))
    assert list(run.snapshots) == ["epoch-1", "epoch-2", "epoch-3"]
    before = torch.load(start, weights_only=True)
    after = torch.load(run.snapshots["epoch-3"], weights_only=True)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"fc2.weight", "fc2.bias"}
    rows = [json.loads(line) for line in run.log.read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_the_network_in_the_file_is_that_of_the_cnn(tmp_path: Path) -> None:
    model = Cnn()
    network = from_json(write_network(tmp_path / "digits.json").read_bytes())
    images = torch.rand(5, 1, 8, 8)
    assert torch.equal(build(network, model.state_dict())(images), model(images))
