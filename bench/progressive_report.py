"""Write what progressive evaluation was found to do: tables, bars and curves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.archival_part import Part, table
from bench.bench_main_job import Bar
from bench.plots import Chart, Curve
from bench.progressive_cold import Cold
from bench.progressive_found import Found, Method
from bench.progressive_measure import BITS, UNIFORM

__all__ = ["BYTES_MAX", "line", "parts"]

# At most so much may be read until 97 of 100 inputs are decided.
SHARE = 0.97
BYTES_MAX = {
    "mlp8": 0.46,
    "lenet": 0.46,
    "plain8": 0.44,
    "res8": 0.54,
    "plain14": 0.58,
    "res14": 0.58,
    "plain20": 0.62,
    "res20": 0.62,
}
# An estimate may read so much.
ESTIMATE_SHARE = 0.30
_COST_MAX, _CALIBRATION_MAX, _AGREED_MIN, _GAIN_MIN = 5.0, 60.0, 0.99, 1.4
_MB, _MS = 1e6, 1e3


def line(one: Found) -> str:
    """Return the main figures of a network in one line."""
    own = one.program.certified
    return (
        f"{one.name}-{one.seed}: {own.at(SHARE):.3f} of the bytes for {SHARE:.0%} of the inputs, "
        f"{own.certified:.4f} certified, {own.ties:.4f} ties, {own.wrong64 + own.wrong32} wrong"
    )


def parts(found: Sequence[Found], cold: Sequence[Cold]) -> list[Part]:
    """Return all that is to be told, in order."""
    made = [_certified(found), _control(found), _estimates(found), _costs(found), _sizes(found)]
    return [*made, *([_cold(cold)] if cold else [])]


def _certified(found: Sequence[Found]) -> Part:
    part = Part("Certified answers")
    part.lines += [
        "Progressive layout, schedule calibrated on inputs that were neither trained on nor held "
        "out. *Read*: compressed bytes read from packs when an input was decided, as a share of "
        "those of an exact read of the same layout; for half of the inputs, for 97 of 100 (the "
        "other three may be undecided until all is read), and on average. *Certified*: labels "
        "proved with a margin above the guard before all was read; *ties*: proved, with a margin "
        "below it. *Wrong*: proved labels that are not those of float64, and certified ones that "
        "are not those of the module in float32.",
        "",
    ]
    head = (
        *("network, seed", "held out", "accuracy", "read for 50 %", "for 97 %", "on average"),
        *("certified", "ties", "wrong, float64", "float32", "flips tried", "found"),
    )
    rows = []
    for one in found:
        own = one.program.certified
        mean = sum(own.decided) / len(own.decided)
        rows.append([
            f"{one.name}-{one.seed}", str(own.inputs), f"{one.controls.accuracy:.3f}",
            *(f"{share:.3f}" for share in (own.at(0.5), own.at(SHARE), mean)),
            f"{own.certified:.4f}", f"{own.ties:.4f}", str(own.wrong64), str(own.wrong32),
            *map(str, one.program.flips),
        ])  # fmt: skip
    part.lines += table(head, rows)
    ways = [m for one in found for m in (one.program.certified, *one.controls.methods.values())]
    wrong = sum(method.wrong64 + method.wrong32 for method in ways)
    part.bars.append(Bar("wrong proofs, all ways of reading", wrong, 0, "", False, digits=0))
    broken = sum(one.program.flips[1] for one in found)
    part.bars.append(Bar("certificates broken by search", broken, 0, "", False, digits=0))
    for name in _barred(found):
        worst = max(one.program.certified.at(SHARE) for one in found if one.name == name)
        what = f"{name}, bytes read for {SHARE:.0%} of the inputs, worst seed"
        part.bars.append(Bar(what, worst, BYTES_MAX[name], "", False, digits=3))
    drawn: dict[str, Found] = {}
    for one in found:
        drawn.setdefault(one.name, one)
    part.charts += [_chart(one) for one in drawn.values()]
    return part


def _control(found: Sequence[Found]) -> Part:
    part = Part("The same prefix of every tensor")
    part.lines += [
        "What the paper reads: leading bytes, as many of each tensor, of the ordinary layout; and "
        "leading bits of the progressive one. Vectors, such as biases, are read whole. Proofs are "
        "those of a pass forward; `eval` goes backwards too where that may decide. In brackets: "
        "the share of the bytes. A label *agrees* if the middle of the boxes gives that of the "
        "exact weights, which proves nothing.",
        "",
    ]
    head = ["network, seed", "inputs", "read for 97 %, bytes", "bits"]
    head += [f"proved by {k} bytes" for k in (1, 2, 3)]
    head += [f"agree at {k} bytes" for k in (1, 2, 3)]
    rows = []
    for one in (one for one in found if one.controls.methods):
        own, bits = one.controls.methods[UNIFORM], one.controls.methods[BITS]
        steps = (own.steps + [(1.0, 1.0)] * 3)[:3]
        row = [f"{one.name}-{one.seed}", str(own.inputs)]
        row += [f"{method.at(SHARE):.3f}" for method in (own, bits)]
        row += [f"{own.proved_at(share + 1e-4):.3f} ({share:.2f})" for share, _ in steps]
        row += [f"{agreed:.4f}" for _, agreed in steps]
        rows.append(row)
    part.lines += table(head, rows)
    return part


def _estimates(found: Sequence[Found]) -> Part:
    part = Part("Estimates")
    part.lines += [
        "`eval --estimate`: nothing is proved. Beside it the most leading bits of every tensor "
        f"that {ESTIMATE_SHARE:.0%} of the bytes are enough for.",
        "",
    ]
    rows = []
    for one in found:
        share, agreed, bound = one.program.estimate
        same = one.controls.methods.get(BITS)
        within = [step for step in same.steps if step[0] <= ESTIMATE_SHARE] if same else []
        plain = (f"{within[-1][0]:.3f}", f"{within[-1][1]:.4f}") if within else ("", "")
        rows.append([
            f"{one.name}-{one.seed}", f"{share:.3f}", f"{agreed:.4f}",
            "" if math.isnan(bound) else f"{bound:.4f}", *plain,
        ])  # fmt: skip
    head = ("network, seed", "read", "labels agree", "at most wrong, audited", "same bits, read")
    part.lines += table([*head, "labels agree"], rows)
    for name in _barred(found):
        mine = [one.program.estimate for one in found if one.name == name]
        what = f"{name}, estimate, "
        part.bars.append(
            Bar(what + "bytes read", max(m[0] for m in mine), ESTIMATE_SHARE, "", False, digits=3)
        )
        agreed = min(m[1] for m in mine)
        part.bars.append(Bar(what + "labels agree", agreed, _AGREED_MIN, "", True, digits=4))
    return part


def _costs(found: Sequence[Found]) -> Part:
    part = Part("Cost")
    part.lines += [
        "Processor time of a batch of 100 inputs on one thread, the best of a few, weights at "
        "hand and prepared, which is done once for each rung; and what `archive --calibrate` "
        "takes of it, start-up included. A pass back, for inputs that a pass forward leaves in "
        "doubt, comes on top ([bounds](../../docs/reference/bounds.md#what-it-costs)).",
        "",
    ]
    head = (
        *("network, seed", "float32, ms", "float64, ms", "bounds, ms", "to prepare, ms"),
        *("bounds over float64", "over float32", "calibration, s"),
    )
    rows = []
    for one in found:
        pace = one.controls.pace
        times = (pace.forward32, pace.forward64, pace.bounds, pace.prepare)
        rows.append([
            f"{one.name}-{one.seed}", *(f"{seconds * _MS:.1f}" for seconds in times),
            f"{pace.bounds / pace.forward64:.1f}", f"{pace.bounds / pace.forward32:.1f}",
            f"{one.program.calibration:.0f}",
        ])  # fmt: skip
    part.lines += table(head, rows)
    for name in _barred(found):
        mine = [one for one in found if one.name == name]
        ratio = max(one.controls.pace.bounds / one.controls.pace.forward64 for one in mine)
        what = f"{name}, bounds over float64, worst seed"
        part.bars.append(Bar(what, ratio, _COST_MAX, "times", False))
        seconds = max(one.program.calibration for one in mine)
        what = f"{name}, calibration, worst seed"
        part.bars.append(Bar(what, seconds, _CALIBRATION_MAX, "s", False))
    return part


def _sizes(found: Sequence[Found]) -> Part:
    part = Part("Sizes")
    part.lines += ["Compressed bytes of an exact read of the weights.", ""]
    rows = []
    for one in found:
        own = one.controls
        more = (own.progressive / own.ordinary - 1) * 100
        row = [f"{one.name}-{one.seed}", str(own.values), str(own.ordinary), str(own.progressive)]
        rows.append([*row, f"{more:+.1f} %", f"{own.progressive / own.values:.2f}"])
    head = ("network, seed", "values", "ordinary", "progressive", "more", "bytes a value")
    part.lines += table(head, rows)
    return part


def _cold(cold: Sequence[Cold]) -> Part:
    part = Part("A single input behind a slow link")
    part.lines += [
        "The large network (VGG-like, 27 MB of float32), all payload behind 10 MB/s; one input, "
        "cold, torch loaded before, the best of two or three. Medians over some inputs, and the "
        "mean: an input that the first rung does not prove takes longer.",
        "",
    ]
    head = (
        *("latency, ms", "way", "seconds", "MB through the link", "requests", "times as fast"),
        "mean seconds",
    )
    rows = []
    for one in cold:
        ways = [(f"exact, {layout}", answer) for layout, answer in one.exact.items()]
        ways.append((f"progressive, {one.proved:.0%} proved", one.progressive))
        fastest = min(answer.seconds for answer in one.exact.values())
        rows += [
            [
                f"{one.latency * _MS:.0f}", way, f"{answer.seconds:.2f}",
                f"{answer.nbytes / _MB:.1f}", f"{answer.requests:.0f}",
                f"{fastest / answer.seconds:.2f}", f"{answer.mean:.2f}",
            ]
            for way, answer in ways
        ]  # fmt: skip
    part.lines += table(head, rows)
    gain = cold[0].gain
    part.bars.append(Bar("large network, over fetching all", gain, _GAIN_MIN, "times", True))
    return part


def _barred(found: Sequence[Found]) -> list[str]:
    """Return the networks that bars are set for: of transformers figures are told, no more."""
    return list(dict.fromkeys(one.name for one in found if one.name in BYTES_MAX))


def _chart(one: Found) -> Chart:
    chart = Chart(
        f"progressive-{one.name}",
        f"{one.name}: proved answers, and labels that agree without a proof",
        "share of the layout's compressed bytes read",
        "share of the inputs",
    )
    methods = {"calibrated bits": one.program.certified}
    methods |= {key: one.controls.methods[key] for key in (BITS, UNIFORM) if one.controls.methods}
    for label, method in methods.items():
        chart.curves.append(Curve(f"{label}, proved", *_steps(method)))
    for label, method in methods.items():
        steps = method.steps
        if steps:
            x, y = zip(*steps, strict=True)
            chart.curves.append(Curve(f"{label}, label agrees, no proof", x, y, dashed=True))
    return chart


def _steps(method: Method) -> tuple[list[float], list[float]]:
    """Return the corners of the share decided against bytes; exact answers are no proofs."""
    x, y = [0.0], [0.0]
    last = len(method.decided) - 1
    for rank, share in enumerate(method.decided):
        if share >= 1.0:
            break
        if share != x[-1]:
            x += [share, share]
            y += [y[-1], y[-1]]
        y[-1] = rank / last
    x.append(1.0)
    y.append(y[-1])
    return x, y
