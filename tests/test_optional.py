from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelhub import optional
from modelhub.errors import ModelHubError


def test_a_module_that_is_there_is_returned() -> None:
    assert optional.require("json.decoder", "any").JSONDecoder


@pytest.mark.parametrize("module", ["no_such_module_here", "no_such_module_here.sub"])
def test_a_missing_module_names_its_extra_on_one_line(module: str) -> None:
    with pytest.raises(ModelHubError) as caught:
        optional.require(module, "onnx")
    assert caught.value.kind == "missing_extra"
    assert 'pip install "modelhub-dlv[onnx]"' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_broken_inside_keeps_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_inside.py").write_text("import another_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        optional.require("broken_inside", "any")
    assert caught.value.name == "another_that_is_missing"
    assert "broken_inside" not in sys.modules


def test_what_is_installed_is_told_without_importing_it() -> None:
    assert optional.available("pytest")
    assert not optional.available("no_such_module_here")
    assert "this" not in sys.modules
    assert optional.available("this")
    assert "this" not in sys.modules
