"""Real networks, trained on digits, scored as plain torch scores them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

from modelhub.dlv.evaluate import EvalOptions, write_predictions
from modelhub.errors import BadInputError, NotFoundError, UsageError
from modelhub.repository import Repository
from tests.dlv.digits import digits, trained

TRAIN, TEST = digits()


class Net(nn.Module):
    """A small CNN; with `end`, what comes behind its logits."""

    def __init__(self, end: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 36, 10)
        self.end = end or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.end(self.fc(torch.relu(self.bn(self.conv(x))).flatten(1)))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return trained(Net(), 12)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository.init(tmp_path / "r") as opened:
        yield opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.savez(tmp_path / "test.npz", x=TEST.floats, y=TEST.y)
    return tmp_path / "test.npz"


def _examples(count: int = 2) -> tuple[torch.Tensor]:
    return (torch.from_numpy(TRAIN.floats[:count]),)


def _outputs(net: nn.Module, x: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return net(torch.from_numpy(x)).double()


@pytest.mark.parametrize("batch_size", [13, 100, 5000])
def test_scores_are_those_of_torch(
    repository: Repository, net: nn.Module, data: Path, batch_size: int
) -> None:
    repository.commit("cnn", net, example_inputs=_examples())
    found = repository["cnn"].evaluate(data, top=3, batch_size=batch_size)
    outputs, y = _outputs(net, TEST.floats), torch.from_numpy(TEST.y)
    scores = found.scores
    assert scores.n == len(y) == 797
    assert 0.5 < scores.top1 < 1
    assert scores.top1 == (outputs.argmax(1) == y).double().mean().item()
    near = (outputs.topk(3).indices == y[:, None]).any(1)
    assert (scores.k, scores.topk) == (3, near.double().mean().item())
    assert scores.loss == pytest.approx(nn.functional.cross_entropy(outputs, y).item(), rel=1e-5)
    two = outputs.topk(2).values
    assert np.array_equal(found.predictions.label, outputs.argmax(1).numpy())
    assert np.allclose(found.predictions.margin, (two[:, 0] - two[:, 1]).numpy(), atol=1e-4)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (TEST.y, found.predictions.label), 1)
    assert scores.confusion == tuple(map(tuple, confusion.tolist()))
    for index, row in enumerate(scores.classes):
        assert (row.support, row.answers) == (confusion[index].sum(), confusion[:, index].sum())
        assert row.recall == confusion[index, index] / row.support
        assert row.precision == confusion[index, index] / row.answers
    assert (found.exact, found.certified, found.estimated, found.tie) == (1, 0, 0, 0)


def test_bytes_are_those_of_a_checkout(repository: Repository, net: nn.Module, data: Path) -> None:
    repository.commit("cnn", net, example_inputs=_examples())
    found = repository["cnn"].evaluate(data)
    assert found.bytes_read == found.bytes_full > 0
    tree = repository["cnn"].snapshot.tree
    read = sum(
        repository["cnn"].repo.store.read(tensor.id).bytes_read
        for tensor in {t.id: t for t in _records(repository, tree)}.values()
    )
    assert found.bytes_read == read


def _records(repository: Repository, tree: bytes) -> list[Any]:
    with repository["cnn"].repo.catalog.read() as txn:
        return list(txn.tensors(tree))


@pytest.mark.parametrize(
    ("end", "form"),
    [
        (nn.Softmax(dim=1), "probabilities"),
        (nn.LogSoftmax(dim=-1), "log-probabilities"),
        (nn.Identity(), "logits"),
        (nn.Sigmoid(), "logits"),
    ],
    ids=["softmax", "log-softmax", "logits", "sigmoid"],
)
def test_the_last_node_tells_what_outputs_are(
    repository: Repository, net: nn.Module, data: Path, end: nn.Module, form: str
) -> None:
    ended = Net(end).eval()
    ended.load_state_dict(net.state_dict())
    repository.commit("cnn", ended, example_inputs=_examples())
    found = repository["cnn"].evaluate(data)
    assert found.outputs == form
    if form == "logits":
        return
    loss = nn.functional.cross_entropy(_outputs(net, TEST.floats), torch.from_numpy(TEST.y))
    assert found.scores.loss == pytest.approx(loss.item(), rel=1e-4)
    as_logits = repository["cnn"].evaluate(data, outputs="logits", keep=False)
    assert (as_logits.scores.loss == pytest.approx(loss.item(), rel=1e-3)) == (
        form == "log-probabilities"
    )


def test_versions_side_by_side(repository: Repository, net: nn.Module, data: Path) -> None:
    repository.commit("cnn", trained(Net(), 1), example_inputs=_examples())
    repository.commit("cnn", net, example_inputs=_examples())
    found = repository.evaluate("cnn@1", "cnn@2", data=data)
    assert [one.rev.partition("#")[0] for one in found] == ["cnn@1", "cnn@2"]
    assert found[0].scores.top1 < found[1].scores.top1


def test_snapshots_are_told_apart(repository: Repository, net: nn.Module, data: Path) -> None:
    early = {name: t.numpy() for name, t in trained(Net(), 1).state_dict().items()}
    repository.commit("cnn", net, snapshots={"early": early}, example_inputs=_examples())
    first, last = repository.evaluate("cnn#early", "cnn#last", data=data)
    assert first.scores.top1 < last.scores.top1
    assert {one.snapshot for one in repository["cnn"].evaluations} == {"early", last.snapshot}


def test_without_labels_there_are_answers(
    repository: Repository, net: nn.Module, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", x=TEST.floats[:10])
    repository.commit("cnn", net, example_inputs=_examples())
    found = repository["cnn"].evaluate(tmp_path / "x.npz")
    scores = found.scores
    assert (scores.n, scores.top1, scores.topk, scores.loss) == (10, None, None, None)
    assert (scores.classes, scores.confusion) == ((), None)
    assert len(found.predictions.label) == 10
    assert repository["cnn"].evaluations[0].top1 is None


def test_safetensors_and_whole_numbers(
    repository: Repository, net: nn.Module, data: Path, tmp_path: Path
) -> None:
    repository.commit("cnn", net, example_inputs=_examples())
    save_file({"x": TEST.x, "y": TEST.y}, tmp_path / "d.safetensors")
    with pytest.raises(BadInputError, match="--divide-by"):
        repository["cnn"].evaluate(tmp_path / "d.safetensors")
    found = repository["cnn"].evaluate(tmp_path / "d.safetensors", divide_by=16)
    assert found.scores == repository["cnn"].evaluate(data).scores


def test_a_folder_of_images(repository: Repository, net: nn.Module, tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for index in range(60):
        folder = tmp_path / "images" / f"digit-{TEST.y[index]}"
        folder.mkdir(parents=True, exist_ok=True)
        pil.fromarray(TEST.x[index, 0]).save(folder / f"{index}.png")
    repository.commit("cnn", net, example_inputs=_examples())
    found = repository["cnn"].evaluate(tmp_path / "images", divide_by=16)
    answers = _outputs(net, TEST.floats[:60]).argmax(1).numpy()
    assert found.scores.top1 == (answers == TEST.y[:60]).mean()
    assert found.scores.classes[3].name == "digit-3"


def test_a_network_of_a_fixed_batch(repository: Repository, net: nn.Module, data: Path) -> None:
    repository.commit("cnn", net, example_inputs=_examples(100), dynamic={})
    value = next(iter(repository["cnn"].network().inputs.values()))
    assert value.shape == (100, 1, 8, 8)
    scores = repository["cnn"].evaluate(data, batch_size=7).scores
    answers = _outputs(net, TEST.floats).argmax(1).numpy()
    assert (scores.n, scores.top1) == (797, (answers == TEST.y).mean())


class Words(nn.Module):
    """A classifier of texts with inputs by name, and outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 4)
        self.fc = nn.Linear(4, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, Any]:
        mask = attention_mask.unsqueeze(-1).to(torch.float32)
        hidden = self.table(input_ids) * mask
        return {"logits": self.fc(hidden.sum(1) / mask.sum(1)), "hidden": hidden}


def test_inputs_and_outputs_by_name(repository: Repository, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, random = Words().eval(), np.random.default_rng(0)
    ids = random.integers(0, 20, (40, 6))
    mask = np.arange(6)[None, :] <= random.integers(0, 6, (40, 1))
    given = torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))
    repository.commit("words", net, example_inputs=tuple(part[:2] for part in given))
    np.savez(
        tmp_path / "d.npz", input_ids=ids.astype(np.int32), attention_mask=mask, y=ids[:, 0] % 3
    )
    found = repository["words"].evaluate(tmp_path / "d.npz")
    with torch.inference_mode():
        wanted = net(*given)["logits"].argmax(1).numpy()
    assert np.array_equal(found.predictions.label, wanted)
    np.savez(tmp_path / "d.npz", input_ids=ids + 20, attention_mask=mask)
    with pytest.raises(BadInputError, match="does not run on"):
        repository["words"].evaluate(tmp_path / "d.npz")


class Many(nn.Module):
    """Gives (N, 4, 4), no classes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x[:, 0, :4, :4])


def test_outputs_that_are_no_classes(repository: Repository, data: Path) -> None:
    repository.commit("many", Many().eval(), example_inputs=_examples())
    with pytest.raises(BadInputError, match=r"gives float32 \(128, 4, 4\)") as caught:
        repository["many"].evaluate(data)
    assert caught.value.kind == "bad_shape"


def test_labels_beyond_the_classes(repository: Repository, net: nn.Module, tmp_path: Path) -> None:
    y = TEST.y.copy()
    y[300] = 10
    np.savez(tmp_path / "d.npz", x=TEST.floats, y=y)
    repository.commit("cnn", net, example_inputs=_examples())
    with pytest.raises(BadInputError, match="example 300 has the label 10; expected 0 to 9"):
        repository["cnn"].evaluate(tmp_path / "d.npz")
    assert repository["cnn"].evaluations == ()


def test_nan_counts_as_wrong(repository: Repository, net: nn.Module, tmp_path: Path) -> None:
    x = TEST.floats[:50].copy()
    x[7] = np.nan
    np.savez(tmp_path / "d.npz", x=x, y=TEST.y[:50])
    repository.commit("cnn", net, example_inputs=_examples())
    found = repository["cnn"].evaluate(tmp_path / "d.npz")
    assert found.scores.not_numbers == 1
    assert found.predictions.label[7] == -1
    assert np.isnan(found.scores.loss)
    assert np.isnan(repository["cnn"].evaluations[0].loss)


def test_what_cannot_run_is_told_before_anything_runs(
    repository: Repository, net: nn.Module, data: Path, tmp_path: Path
) -> None:
    repository.commit("cnn", net, example_inputs=_examples())
    repository.commit("weights", {"w": np.ones(3, np.float32)})
    (tmp_path / "notes.txt").write_text("no weights")
    repository.commit("files", files=[tmp_path / "notes.txt"])
    with pytest.raises(BadInputError, match=r"weights@1.*weights alone.*--network") as caught:
        repository.evaluate("cnn", "weights", data=data)
    assert caught.value.exit_status == 6
    with pytest.raises(NotFoundError, match="no weights"):
        repository.evaluate("cnn", "files", data=data)
    for options in ({"top": 0}, {"batch_size": 0}, {"std": (0,)}, {"device": "tpu"}):
        with pytest.raises(UsageError):
            repository.evaluate("cnn", data=data, **options)
    with pytest.raises(UsageError):
        repository.evaluate(data=data)
    assert repository["cnn"].evaluations == ()


def test_predictions_in_a_file(
    repository: Repository, net: nn.Module, data: Path, tmp_path: Path
) -> None:
    repository.commit("cnn", net, example_inputs=_examples())
    found = repository["cnn"].evaluate(data)
    write_predictions(tmp_path / "p.npz", found)
    with np.load(tmp_path / "p.npz") as read:
        assert set(read) == {"label", "status", "margin", "bytes"}
        assert np.array_equal(read["label"], found.predictions.label)
        assert (read["status"] == "exact").all()
        assert (read["margin"] >= 0).all()
        assert (read["bytes"] == found.bytes_read).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_answers_of_the_cpu(
    repository: Repository, net: nn.Module, data: Path
) -> None:
    repository.commit("cnn", net, example_inputs=_examples())
    on_cpu, on_cuda = (repository["cnn"].evaluate(data, device=d) for d in ("cpu", "cuda"))
    assert on_cuda.device == "cuda"
    close = on_cpu.predictions.margin > 1e-3
    assert np.array_equal(on_cpu.predictions.label[close], on_cuda.predictions.label[close])
    assert on_cuda.scores.loss == pytest.approx(on_cpu.scores.loss, rel=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_it_is_refused(repository: Repository, net: nn.Module, data: Path) -> None:
    repository.commit("cnn", net, example_inputs=_examples())
    with pytest.raises(BadInputError, match=r"no CUDA device.*--device cpu"):
        repository["cnn"].evaluate(data, device="cuda")
    assert EvalOptions().device == "auto"
    assert repository["cnn"].evaluate(data).device == "cpu"
