from __future__ import annotations

import pytest

from modelhub.errors import BadInputError
from modelhub.pas import rates
from modelhub.pas.rates import Rates

RATES = Rates("here", 0.5, 100.0, {"2": 10.0, "4": 20.0}, {"2": 5.0, "4": 8.0})


def test_what_an_entry_takes() -> None:
    assert RATES.milliseconds(80, 50, 4, False) == 0.5 + 0.5 + 4
    assert RATES.milliseconds(80, 50, 4, True) == 0.5 + 0.5 + 10
    assert RATES.milliseconds(80, 50, 1, False) == RATES.milliseconds(80, 50, 2, False)
    assert RATES.milliseconds(80, 50, 8, True) == RATES.milliseconds(80, 50, 4, True)


def test_rates_are_read_back() -> None:
    assert rates.load(rates.dump(RATES)) == RATES


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'{"machine": 1}', b"\xff"])
def test_what_is_no_rates(text: bytes) -> None:
    with pytest.raises(BadInputError, match="calibrate"):
        rates.load(text, "rates.json")


def test_no_rate_is_zero() -> None:
    with pytest.raises(BadInputError):
        rates.load(rates.dump(RATES).replace(b"100.0", b"0.0"))
