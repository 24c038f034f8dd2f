"""Show results to people: on a terminal or as a page of HTML.

A *page* is a title and *blocks* (facts, grids, lines, charts) without any notion of a medium;
`terminal` and `html` each render all of them.
"""

from __future__ import annotations
