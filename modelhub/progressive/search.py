"""Find how much of each tensor a certified answer needs, cheapest first.

What a tensor leaves open lowers the proved margin of an input by an amount that halves with each
further bit, nearly whatever else is open, as long as all of it is small. So one look at each tensor
alone tells what any of its prefixes costs in margin; and the cheapest bytes for a given loss of
margin are those at which a byte more buys the same in every tensor (a Lagrange multiplier, the
*price*). This leaves one number to search: the price, by halving, with real bounds at each look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelhub.pas.segments import Step

__all__ = ["SHARES", "Margins", "Rung", "Schedule", "Step", "search"]

# Shares of the inputs that the rungs of a ladder are to certify: what most inputs need is far less
# than what the hardest do, and the last ones cost most each.
SHARES = (0.7, 0.85, 0.92, 0.95, 0.97, 0.985, 1.0)

# A prefix that leaves little enough open for its cost to be in proportion, and enough to be seen
# beside rounding: relative to the largest weight of a channel, 2^-16.
_PROBE_BITS = 17
# Prices are powers of two, searched to a quarter of a bit.
_PRICE_STEP = 0.25
_PRICES = (-60.0, 80.0)
# What is lost is weighed by the margins of the inputs that decide: the share with the smallest.
_HARD_SHARE = 1 / 3
# Prices tried for one rung beyond the one that was foretold.
_TRIES = 3
# Rungs beyond the last that the inputs at hand ask for, in bits: one input in a hundred others asks
# for more than they do, and without these for everything.
_BEYOND = (1.5, 3.0, 5.0)

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]
Schedule = Mapping[str, int]
Margins = Callable[[Schedule], Floats]


@dataclass(frozen=True, slots=True)
class Rung:
    """A schedule (tensor -> segments), its compressed bytes and the share it certified."""

    schedule: Schedule
    nbytes: int
    share: float


def search(
    steps: Mapping[str, Sequence[Step]],
    margins: Margins,
    shares: Sequence[float] = SHARES,
) -> tuple[Rung, ...]:
    """Return a ladder: schedules for rising shares of certified inputs, each at least the last.

    The last rung is the exact one, with the share that is certified when all is read: at great
    depth rounding alone may leave some open.

    Args:
        steps: The prefixes of each tensor in order, the last one exact.
        margins: Lower bounds of the margins of the inputs under a schedule, float64 (N,); not above
            0 where nothing is proved. It is called some 25 times, and once for each tensor.
        shares: What to aim for, rising.
    """
    return _Search(steps, margins).ladder(shares)


class _Search:
    """What is known of a network while its ladder is made."""

    def __init__(self, steps: Mapping[str, Sequence[Step]], margins: Margins) -> None:
        self._steps = steps
        self._cut = {name: found for name, found in steps.items() if len(found) > 1}
        self._exact = {name: found[-1].segments for name, found in steps.items()}
        self._margins = margins
        self._best = self._of(self._exact)
        self._provable = self._best > 0.0
        self._losses: dict[str, float] = {}

    def ladder(self, shares: Sequence[float]) -> tuple[Rung, ...]:
        last = self._rung(self._exact, self._provable)
        if not self._cut or not self._provable.any():
            return (last,)
        self._losses = self._measured()
        prices = np.sort(self._foretold())
        found: list[Rung] = []
        least = dict.fromkeys(self._cut, 0)
        price = _PRICES[0]
        for share in shares:
            wanted = math.ceil(share * int(self._provable.sum()))
            climbed = self._climb(float(prices[wanted - 1]), wanted, least)
            if climbed is None:
                break
            price, rung, least = climbed
            _append(found, rung)
        for more in _BEYOND if found else ():
            schedule = self._schedule(self._places(price + more, least))
            _append(found, self._rung(schedule, self._of(schedule) > 0.0))
        return (*(rung for rung in found if rung.nbytes < last.nbytes), last)

    def _of(self, schedule: Schedule) -> Floats:
        return np.nan_to_num(np.asarray(self._margins(schedule), np.float64), nan=-np.inf)

    def _rung(self, schedule: Schedule, proved: Truths) -> Rung:
        nbytes = sum(
            next(step.nbytes for step in found if step.segments == schedule[name])
            for name, found in self._steps.items()
        )
        return Rung(dict(schedule), nbytes, float(proved.mean()))

    def _measured(self) -> dict[str, float]:
        """Return the share of the margin that each tensor takes at 0 bits, if in proportion."""
        best, provable = self._best, self._provable
        hard = provable & (best <= np.quantile(best[provable], _HARD_SHARE))
        losses = {}
        for name, found in self._cut.items():
            probes = sorted(found[:-1], key=lambda step: abs(step.bits - _PROBE_BITS))
            losses[name] = math.inf
            for probe in (step for step in probes if step.bits >= probes[0].bits):
                seen = self._of({**self._exact, name: probe.segments})
                share = float(np.mean(1.0 - seen[hard] / best[hard]))
                if math.isfinite(share):
                    losses[name] = max(share, 0.0) * 2.0**probe.bits
                    break
        return losses

    def _places(self, price: float, least: Mapping[str, int]) -> dict[str, int]:
        """Return the place of each tensor's step at which bytes and margin together cost least."""
        places = {}
        for name, found in self._cut.items():
            costs = [
                step.nbytes
                + (0.0 if step is found[-1] else 2.0 ** (price - step.bits) * self._losses[name])
                for step in found
            ]
            places[name] = max(int(np.argmin(costs)), least[name])
        return places

    def _schedule(self, places: Mapping[str, int]) -> dict[str, int]:
        chosen = {name: self._cut[name][place].segments for name, place in places.items()}
        return {**self._exact, **chosen}

    def _foretold(self) -> Floats:
        """Return the price at which each input should be certified; infinite if never.

        What is lost halves with each bit, so one look in which margins are lost, but not all too
        much, tells for all.
        """
        low, high = _PRICES
        nothing = dict.fromkeys(self._cut, 0)
        own = self._best[self._provable]
        price, lost = high, np.zeros_like(own)
        while high - low > _PRICE_STEP:
            price = (low + high) / 2
            found = self._of(self._schedule(self._places(price, nothing)))[self._provable]
            share = float((found > 0.0).mean())
            # Of the smallest margins what is lost may be beyond all numbers.
            with np.errstate(over="ignore"):
                lost = 1.0 - found / own
            if 0.3 <= share <= 0.97:
                break
            low, high = (price, high) if share < 0.3 else (low, price)
        with np.errstate(divide="ignore", invalid="ignore"):
            more = np.nan_to_num(np.log2(lost), nan=0.0)
        prices = np.full_like(self._best, np.inf)
        prices[self._provable] = np.clip(price + more, *_PRICES)
        return prices

    def _climb(
        self, price: float, wanted: int, least: Mapping[str, int]
    ) -> tuple[float, Rung, dict[str, int]] | None:
        """Return price, rung and places at which enough are certified, near what was foretold."""
        best: tuple[float, Rung, dict[str, int]] | None = None
        tried: dict[float, bool] = {}
        step = _PRICE_STEP
        price = round(price / step) * step
        while price not in tried and price <= _PRICES[1]:
            places = self._places(price, least)
            proved = self._of(self._schedule(places)) > 0.0
            enough = int(proved.sum()) >= wanted
            tried[price] = enough
            if enough:
                best = price, self._rung(self._schedule(places), proved), places
                if len(tried) > _TRIES:
                    break
                price -= step
            else:
                # Further up in growing steps: the foretelling was off.
                price += step * (1 if len(tried) <= _TRIES else 2 ** (len(tried) - _TRIES))
        return best


def _append(found: list[Rung], rung: Rung) -> None:
    """Add a rung unless it is the last one again."""
    if not found or rung.schedule != found[-1].schedule:
        found.append(rung)
