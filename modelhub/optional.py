"""Import optional packages: the one place where a module is found by its name at run time.

An *extra* is the word in brackets after the distribution's name that installs such a package.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from modelhub.errors import ModelHubError

__all__ = ["DISTRIBUTION", "available", "require"]

DISTRIBUTION = "modelhub-dlv"


def available(package: str) -> bool:
    """Say whether a package is installed, without importing it."""
    return importlib.util.find_spec(package) is not None


def require(module: str, extra: str) -> ModuleType:
    """Return an optional module, imported.

    Raises:
        ModelHubError: kind `missing_extra`, it is not installed; the text says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        # A package that is there but broken inside is another fault, and its own message says more.
        if missing.partition(".")[0] != module.partition(".")[0]:
            raise
        raise ModelHubError(
            f"the package {missing} is not installed",
            hint=f'install it with: pip install "{DISTRIBUTION}[{extra}]"',
            kind="missing_extra",
        ) from error
