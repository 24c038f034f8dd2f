"""Turn command lines into calls: one module `cmd_*` per *verb*.

A verb's module has `configure(parser)`, which declares its arguments, and `run(context, values)`,
which does the work, prints the result and returns the exit status.
"""

from __future__ import annotations
