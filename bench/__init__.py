"""Measure what ModelHub costs, end to end, against its peers in the same run."""

from __future__ import annotations
