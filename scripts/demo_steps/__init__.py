"""Make the demo's models and run its commands.

A *plan* is a version to be committed: its files, its snapshots, its base and what is known of it.
"""

from __future__ import annotations
