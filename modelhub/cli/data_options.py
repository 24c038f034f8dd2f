"""Options about a data set and where it runs, which `eval` and `archive --calibrate` share."""

from __future__ import annotations

import argparse
import re

from modelhub.data import FITS
from modelhub.dlv.evaluate_options import BATCH_SIZE, EvalOptions
from modelhub.dlv.evaluate_run import DEVICES
from modelhub.errors import UsageError

__all__ = ["configure_data", "data_options"]

_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    running = parser.add_argument_group("where data is run")
    running.add_argument("--device", choices=DEVICES, default=DEVICES[0])
    running.add_argument(
        "--batch-size",
        metavar="N",
        type=int,
        default=BATCH_SIZE,
        help="examples at a time (default %(default)s)",
    )
    values = parser.add_argument_group("what is done to the values of x")
    values.add_argument(
        "--divide-by",
        metavar="N",
        type=float,
        help="make whole numbers floats, divided by N (images: 255 unless given)",
    )
    values.add_argument("--mean", metavar="M[,M...]", help="subtract, for each channel or for all")
    values.add_argument("--std", metavar="S[,S...]", help="divide by, for each channel or for all")
    values.add_argument("--resize", choices=FITS, help="how images get the network's size")
    values.add_argument(
        "--image-size", metavar="HxW", help="size of images where the network leaves it free"
    )


def data_options(values: argparse.Namespace) -> EvalOptions:
    """Return what was asked for, all else as usual.

    Raises:
        UsageError: a text is none that the option takes.
    """
    return EvalOptions(
        device=values.device,
        batch_size=values.batch_size,
        divide_by=values.divide_by,
        mean=_numbers("--mean", values.mean),
        std=_numbers("--std", values.std),
        image_size=_size(values.image_size),
        resize=values.resize,
    )


def _numbers(option: str, text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text is not None else ()
    except ValueError as error:
        raise UsageError(f"{option} {text}", expected="numbers with commas between") from error


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UsageError(f"--image-size {text}", expected="HxW, such as 224x224")
    return int(found[1]), int(found[2])
