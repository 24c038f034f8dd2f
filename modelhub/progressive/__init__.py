"""Bound what a network gives when its weights are known to their leading bytes only.

An *interval* is a lower and an upper end for every value of a tensor; a *box* is the interval of a
weight. A label is *certified* if no weights in the boxes give another one. Pure computation: it
reads no store. The modules need torch, but for `boxes` and `schedule`.
"""

from __future__ import annotations
