"""Name what ModelHub offers to Python: version control and compressed storage for models.

Names are resolved when they are first used (PEP 562), so that importing the package costs nothing:
no numpy, no compiled core, no database. Nothing inside the package imports this module for its
names; it only lists them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelhub.errors import (
        BadInputError,
        ConflictError,
        CorruptionError,
        ModelHubError,
        NotFoundError,
        PermissionDeniedError,
        RemoteError,
        UsageError,
    )
    from modelhub.query.errors import QueryError
    from modelhub.repository import Repository, Version

__all__ = [
    "BadInputError",
    "ConflictError",
    "CorruptionError",
    "ModelHubError",
    "NotFoundError",
    "PermissionDeniedError",
    "QueryError",
    "RemoteError",
    "Repository",
    "UsageError",
    "Version",
    "__version__",
]

__version__ = "0.1.0.dev0"

_MODULES = {
    "BadInputError": "modelhub.errors",
    "ConflictError": "modelhub.errors",
    "CorruptionError": "modelhub.errors",
    "ModelHubError": "modelhub.errors",
    "NotFoundError": "modelhub.errors",
    "PermissionDeniedError": "modelhub.errors",
    "QueryError": "modelhub.query.errors",
    "RemoteError": "modelhub.errors",
    "Repository": "modelhub.repository",
    "UsageError": "modelhub.errors",
    "Version": "modelhub.repository",
}


def __getattr__(name: str) -> object:
    """Import the module that a public name lives in, and keep the name here."""
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
