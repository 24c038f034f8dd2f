"""Know which file system a path lies on, because memory maps and locks need a local one."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["MOUNTS_FILE", "NETWORK_TYPES", "network_type"]

MOUNTS_FILE = Path("/proc/self/mounts")

# Types whose maps and locks do not reach from one host to another. 9p is left out: virtual machines
# and containers use it for local folders, where one kernel sees all users of a map.
NETWORK_TYPES = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.ceph-fuse",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "orangefs",
        "smb2",
        "smb3",
        "smbfs",
    }
)

_OCTAL = re.compile(r"\\([0-7]{3})")


def network_type(path: Path) -> str | None:
    """Return the type of the network file system that a path lies on; None if local."""
    try:
        text = os.fsdecode(MOUNTS_FILE.read_bytes())
    except OSError:
        return None
    here = os.path.realpath(path)
    best, found = -1, ""
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[1])
        inside = here == point or here.startswith(point.rstrip("/") + "/")
        # A later mount on the same point hides the earlier one.
        if inside and len(point) >= best:
            best, found = len(point), fields[2]
    return found if found in NETWORK_TYPES else None
