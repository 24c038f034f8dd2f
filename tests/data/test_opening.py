"""A data set is opened by what its path is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from modelhub.data import facts_of, open_data
from modelhub.errors import BadInputError, NotFoundError


def test_what_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(BadInputError, match=r"suffix \.csv.*\.parquet"):
        open_data(tmp_path / "a.csv")
    with pytest.raises(NotFoundError):
        open_data(tmp_path / "none.npz")
    with pytest.raises(BadInputError, match="--image-size"):
        open_data(tmp_path)


def test_facts_of_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(3_000_000))
    facts = facts_of(tmp_path / "a.npz")
    data = (tmp_path / "a.npz").read_bytes()
    assert (facts.name, facts.nbytes) == ("a.npz", len(data))
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
