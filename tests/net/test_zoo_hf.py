"""Models of transformers are rebuilt without transformers, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tests.net import zoo  # noqa: E402
from tests.net.hf_models import HF_MODELS  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    with zoo.one_thread():
        yield


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zoo.Rebuilt]:
    return zoo.rebuild(HF_MODELS, tmp_path_factory.mktemp("networks"))


@pytest.mark.parametrize("name", HF_MODELS)
@pytest.mark.parametrize("what", ["outputs", "trained", "gradients", "state"])
def test_bit_equal(rebuilt: dict[str, zoo.Rebuilt], name: str, what: str) -> None:
    zoo.same(rebuilt[name], what)


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "vit"])
def test_compiles_whole_and_keeps_names(rebuilt: dict[str, zoo.Rebuilt], name: str) -> None:
    zoo.accepts_compile(rebuilt[name])
