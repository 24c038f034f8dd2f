"""Touch files: the one seam through which every file operation of the Python layers goes.

The *layout* names every path of a repository, *files* reads and writes, *lock* admits one writer
at a time, *mounts* knows network file systems, and the *seam* lets tests stop any change.
"""

from __future__ import annotations
