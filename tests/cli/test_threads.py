from __future__ import annotations

import argparse

import pytest

from modelhub.cli.threads import add_threads, check_threads
from modelhub.errors import UsageError


def test_all_cores_unless_told() -> None:
    parser = argparse.ArgumentParser()
    add_threads(parser)
    assert parser.parse_args([]).threads == 0
    assert check_threads(parser.parse_args(["--threads", "3"]).threads) == 3
    assert check_threads(4096) == 4096


@pytest.mark.parametrize("threads", [-1, 4097])
def test_numbers_that_are_none_of_threads(threads: int) -> None:
    with pytest.raises(UsageError):
        check_threads(threads)
