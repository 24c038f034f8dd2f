"""Write and read canonical JSON, the text form of trees, manifests and annotations.

Canonical: keys sorted, no white space, ASCII only, so that equal values have equal bytes and thus
equal ids. JSON has no NaN or infinity; they travel as {"$float": "nan" | "inf" | "-inf"}.
"""

from __future__ import annotations

import json
import math
from typing import Any

from modelhub.errors import CorruptionError

__all__ = ["dump", "load"]

_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    return value


def _decode(item: dict[str, Any]) -> Any:
    if len(item) == 1 and "$float" in item:
        return _SPECIAL[item["$float"]]
    return item


def dump(value: Any) -> bytes:
    """Return the canonical JSON of a value made of dicts, lists, strings, numbers and None."""
    text = json.dumps(_encode(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def load(data: bytes, what: str) -> dict[str, Any]:
    """Return the object that `dump` wrote; `what` names it in errors.

    Raises:
        CorruptionError: the bytes are not a JSON object.
    """
    try:
        value = json.loads(data, object_hook=_decode)
    except (ValueError, KeyError, RecursionError) as error:
        raise CorruptionError(
            f"not canonical JSON ({error})", where=what, hint="run `modelhub fsck`"
        ) from error
    if not isinstance(value, dict):
        raise CorruptionError("not a JSON object", where=what, hint="run `modelhub fsck`")
    return value
