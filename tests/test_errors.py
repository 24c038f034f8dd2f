from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

import modelhub
from modelhub import errors
from modelhub.errors import KINDS, ModelHubError

_CLASSES = [getattr(errors, name) for name in errors.__all__ if name != "KINDS"]

# Released kinds never change their place or name; new ones are appended here too.
_KINDS = [
    "error",
    "usage",
    "not_found",
    "conflict",
    "locked",
    "changed_since_add",
    "corruption",
    "bad_input",
    "truncated",
    "bad_header",
    "bad_name",
    "bad_dtype",
    "bad_shape",
    "duplicate_name",
    "missing_shard",
    "unsafe_pickle",
    "unsafe_path",
    "unsupported_version",
    "permission",
    "no_space",
    "remote",
    "missing_extra",
    "network_file_system",
]


def test_kinds_are_only_appended() -> None:
    assert list(KINDS)[: len(_KINDS)] == _KINDS


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("UsageError", 2),
        ("NotFoundError", 3),
        ("ConflictError", 4),
        ("CorruptionError", 5),
        ("BadInputError", 6),
        ("RemoteError", 7),
        ("PermissionDeniedError", 7),
    ],
)
def test_each_class_carries_its_exit_status(name: str, status: int) -> None:
    kind = getattr(modelhub, name)
    assert issubclass(kind, ModelHubError)
    assert kind.exit_status == status


@pytest.mark.parametrize("kind", _CLASSES)
def test_each_class_has_a_kind_of_its_own_that_is_listed(kind: type[ModelHubError]) -> None:
    assert kind("x").kind in KINDS
    assert kind("x", kind="no_space").kind == "no_space"


def test_the_text_says_where_what_and_what_to_do() -> None:
    error = ModelHubError("3 bytes", expected="4", where="file", hint="add one")
    assert str(error) == "file: 3 bytes; expected 4. Add one"
    assert str(ModelHubError("only this")) == "only this"


@pytest.mark.parametrize("kind", _CLASSES)
def test_errors_cross_process_borders(kind: type[ModelHubError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", where="there", hint="do", kind="no_space")))
    assert type(error) is kind
    assert (error.found, error.where, error.hint, error.kind) == ("what", "there", "do", "no_space")
    assert str(error) == "there: what. Do"


def test_every_kind_raised_anywhere_is_listed() -> None:
    package = Path(errors.__file__).parent
    raised = set()
    for path in package.rglob("*.py"):
        raised |= set(re.findall(r'\bkind="([a-z_]+)"[,)\n]', path.read_text()))
    used_elsewhere = raised - set(KINDS)
    # `kind=` also names the container of a file, and a way to sort.
    assert used_elsewhere <= {"safetensors", "npz", "npy", "torch", "file", "stable"}
