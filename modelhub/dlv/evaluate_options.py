"""What can be asked of an evaluation, and what comes out of it.

An evaluation has a *mode*. `exact` reads all weights and runs torch in the network's own dtypes.
`progressive` reads leading bytes, proves what it can of each answer, and reads more for the rest.
`estimate` reads leading bytes once and proves nothing. In the last two each answer has a *status*,
one of `STATUSES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelhub import data as data_sets
from modelhub.data import DataFacts
from modelhub.dlv.evaluate_run import DEVICES
from modelhub.dlv.evaluate_scores import FORMS, Predictions, Scores
from modelhub.errors import UsageError

__all__ = [
    "BATCH_SIZE",
    "CERTIFY",
    "ESTIMATE",
    "EXACT",
    "MODES",
    "PROGRESSIVE",
    "STATUSES",
    "TOP_K",
    "EvalOptions",
    "Evaluation",
    "check_options",
]

# As fast as larger ones on a CPU for small networks, and 128 images of 224x224 take 77 MB.
BATCH_SIZE = 128
TOP_K = 5

EXACT, PROGRESSIVE, ESTIMATE = MODES = ("exact", "progressive", "estimate")

# What is known of an answer: proved with a margin above the guard; proved, within it; not proved;
# evaluated with all weights.
STATUSES = ("certified", "tie", "estimated", "exact")

# What must be proved of an input before no more is read for it: its label, or its top-k set too.
CERTIFY = ("label", "set")


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """How to evaluate.

    Attributes:
        top: The k of top-k.
        device: `auto`, `cpu` or `cuda`.
        batch_size: Examples at a time, unless the network is fixed to a number.
        divide_by, mean, std: See `modelhub.data.Preparation`; images are divided by 255 by default.
        image_size: Height and width of images, where the network leaves them free.
        resize: How images of another size are made fit, `crop` or `stretch`; None refuses them.
        outputs: What the network's outputs are, one of `FORMS`, where its last node does not tell.
        keep: Keep the result as an annotation of the version.
        mode: One of `MODES`.
        guard: Margins up to it are ties; None means what the network's dtype asks for.
        certify: One of `CERTIFY`.
        always: Go on by prefixes where an exact read of bytes behind a link would be faster.
        audit: Of an estimate: how many random examples are evaluated exactly too, which reads all
            weights. With none, what the version's calibration found is told, if there is one.
        seed: What the random examples are drawn by.
    """

    top: int = TOP_K
    device: str = "auto"
    batch_size: int = BATCH_SIZE
    divide_by: float | None = None
    mean: Sequence[float] = ()
    std: Sequence[float] = ()
    image_size: tuple[int, int] | None = None
    resize: str | None = None
    outputs: str | None = None
    keep: bool = True
    mode: str = EXACT
    guard: float | None = None
    certify: str = CERTIFY[0]
    always: bool = False
    audit: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one version; shares are of its `scores.n` examples.

    Attributes:
        rev: The revision with its snapshot.
        outputs: What the network's outputs were taken for, one of `FORMS`.
        bytes_read: Compressed bytes read from packs for the weights.
        bytes_full: Those of an exact read.
        mode: One of `MODES`.
        facts: What only its mode has, by the names that JSON has.
        notes: Sentences that whoever reads the result should see.
        kept: Whether the result is an annotation now; `why_not` says why it is none, if it should.
    """

    rev: str
    version: bytes
    snapshot: str
    data: DataFacts
    labelled: bool
    scores: Scores
    predictions: Predictions
    outputs: str
    bytes_read: int
    bytes_full: int
    certified: float
    estimated: float
    exact: float
    tie: float
    device: str
    torch: str
    seconds: float
    mode: str = EXACT
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kept: bool = False
    why_not: str = ""


def check_options(options: EvalOptions) -> None:
    """Check what does not depend on a network.

    Raises:
        UsageError: an option does not make sense.
    """
    for what, number in (("top", options.top), ("batch size", options.batch_size)):
        if number < 1:
            raise UsageError(f"{what} {number}", expected="1 or more")
    if options.divide_by is not None and not (options.divide_by > 0):
        raise UsageError(f"a divisor of {options.divide_by:g}", expected="a number above 0")
    if any(not number > 0 for number in options.std):
        raise UsageError("a deviation that is not above 0", expected="numbers above 0")
    if options.guard is not None and not 0 <= options.guard < float("inf"):
        raise UsageError(f"a guard of {options.guard:g}", expected="a number of 0 or more")
    if options.audit < 0:
        raise UsageError(f"an audit of {options.audit} examples", expected="0 or more")
    if options.seed < 0:
        raise UsageError(f"a seed of {options.seed}", expected="0 or more")
    for what, value, words in (
        ("resize", options.resize, data_sets.FITS),
        ("outputs", options.outputs, FORMS),
        ("device", options.device, DEVICES),
        ("mode", options.mode, MODES),
        ("certify", options.certify, CERTIFY),
    ):
        if value is not None and value not in words:
            raise UsageError(f"{what} {value!r}", expected="one of " + ", ".join(words))
    for what, given, mode in (
        ("a guard", options.guard is not None, PROGRESSIVE),
        ("what to certify", options.certify != CERTIFY[0], PROGRESSIVE),
        ("to climb always", options.always, PROGRESSIVE),
        ("an audit", options.audit > 0, ESTIMATE),
    ):
        if given and options.mode != mode:
            raise UsageError(f"{what} in an evaluation that is {options.mode}", expected=mode)
