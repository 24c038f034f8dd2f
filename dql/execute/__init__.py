"""Run queries over a backend: only what an index cannot rule out is tried."""

from __future__ import annotations

from dql.execute.build import Failure
from dql.execute.explain import Step
from dql.execute.run import COMBINATIONS_MAX, Result, run

__all__ = ["COMBINATIONS_MAX", "Failure", "Result", "Step", "run"]
