from __future__ import annotations

import subprocess
import sys

import pytest

import modelhub
from modelhub import errors


def test_names_resolve_to_where_they_live() -> None:
    assert modelhub.ModelHubError is errors.ModelHubError
    assert modelhub.Repository.__module__ == "modelhub.repository"
    assert modelhub.Version.__module__ == "modelhub.repository"


def test_every_public_name_exists() -> None:
    for name in modelhub.__all__:
        assert getattr(modelhub, name) is not None
    assert set(modelhub.__all__) <= set(dir(modelhub))


def test_every_error_class_is_public() -> None:
    classes = {name for name in errors.__all__ if name.endswith("Error")}
    assert classes <= set(modelhub.__all__)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Repositry'"):
        _ = modelhub.Repositry


def test_import_alone_loads_nothing_heavy() -> None:
    code = (
        "import sys, modelhub; modelhub.ModelHubError; "
        "print(*sorted({'numpy', 'torch', 'lmdb', 'rich', 'modelhub._core'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
