"""Write a version's network with the weights of a snapshot as one ONNX file."""

from __future__ import annotations

from pathlib import Path

from modelhub import ids
from modelhub.catalog.records import SnapshotRecord, VersionRecord
from modelhub.dlv.export import Exported, read_arrays
from modelhub.dlv.networks import network_of
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError
from modelhub.fs.files import OutputFile
from modelhub.net.to_onnx import OnnxFile, to_onnx

__all__ = ["export_onnx"]

# Weights that are named in the note on what was folded; the others are counted.
_NAMED = 3


def export_onnx(
    repo: Repo, version: VersionRecord, snapshot: SnapshotRecord, path: Path
) -> tuple[Exported, tuple[str, ...]]:
    """Write the file; return what was written and remarks on what the format changes.

    Raises:
        BadInputError: the version was committed as weights alone, or the network cannot be
            exported.
        ModelHubError: kind `missing_extra`, a package is not installed.
    """
    network = network_of(repo, version)
    if not network.executable:
        raise BadInputError(
            "the version was committed as weights alone, so there is no network to export",
            where=format_rev(version),
            hint="commit it with its network (--network, or network= in Python), or choose "
            "another --format",
        )
    arrays, bytes_read = read_arrays(repo, snapshot.tree)
    made = to_onnx(network, arrays)
    with OutputFile(path) as out:
        out.write(memoryview(made.data))
        out.commit()
    sha = ids.sha256()
    sha.update(made.data)
    return Exported(len(made.data), sha.digest(), bytes_read), tuple(_notes(made))


def _notes(made: OnnxFile) -> list[str]:
    notes = []
    if made.folded:
        named = ", ".join(made.folded[:_NAMED])
        more = f" and {len(made.folded) - _NAMED} more" if len(made.folded) > _NAMED else ""
        notes.append(f"ONNX holds these weights folded or rearranged: {named}{more}")
    if not made.checked:
        notes.append("onnxruntime is not installed, so the file was not compared with the network")
    return notes
