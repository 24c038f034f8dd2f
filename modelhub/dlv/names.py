"""Check the names that users give: models, tags and snapshot labels."""

from __future__ import annotations

import re

from modelhub.errors import BadInputError

__all__ = [
    "check_label",
    "check_model_name",
    "check_query_name",
    "check_tag",
    "is_id_prefix",
    "is_sequence",
]

# Room for a long name and an owner in one catalog key (511 bytes), and in a file name (255).
NAME_BYTES_MAX = 200
# What separates the parts of a revision, patterns and paths cannot stand in a name.
_RESERVED = "@#/\\*?[]\"'`"

_SEQUENCE = re.compile(r"[0-9]{1,7}")
_ID_PREFIX = re.compile(r"[0-9a-f]{8,64}")


def is_sequence(text: str) -> bool:
    """Say whether the text reads as a sequence number: 1 to 7 digits."""
    return _SEQUENCE.fullmatch(text) is not None


def is_id_prefix(text: str) -> bool:
    """Say whether the text reads as an id prefix: 8 or more hexadecimal digits."""
    return _ID_PREFIX.fullmatch(text) is not None


def _check(text: str, what: str, reserved: str) -> None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        size = 0
    bad = [char for char in text if char in reserved or not char.isprintable()]
    if size == 0 or size > NAME_BYTES_MAX or bad or text != text.strip() or text[0] in "-.":
        raise BadInputError(
            f"{what} {text!r}",
            expected=f"1 to {NAME_BYTES_MAX} bytes of printable UTF-8, without {reserved}, not "
            "starting with `-` or `.`, no space at either end",
            kind="bad_name",
        )


def check_model_name(text: str) -> str:
    """Return the name of a model if it may be one.

    Raises:
        BadInputError: kind `bad_name`.
    """
    _check(text, "model name", _RESERVED)
    return text


def check_query_name(text: str) -> str:
    """Return the name of a saved query if it may be one.

    Raises:
        BadInputError: kind `bad_name`.
    """
    _check(text, "query name", _RESERVED)
    return text


def check_tag(text: str) -> str:
    """Return a tag if it may be one: neither a sequence number nor an id prefix.

    Raises:
        BadInputError: kind `bad_name`.
    """
    _check(text, "tag", _RESERVED)
    if is_sequence(text) or is_id_prefix(text):
        raise BadInputError(
            f"tag {text!r} reads as a version number or an id",
            expected="a tag that is neither 1 to 7 digits nor 8 or more hexadecimal digits",
            kind="bad_name",
        )
    return text


def check_label(text: str) -> str:
    """Return a snapshot's label if it may be one.

    Raises:
        BadInputError: kind `bad_name`.
    """
    _check(text, "snapshot label", "@#/\\")
    return text
