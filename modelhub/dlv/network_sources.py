"""Read a network from a file or folder that a user names, or that lies beside staged weights.

`IMPORTERS` is the one table of files that hold a network, by suffix. An importer takes the file's
path and returns the network; it raises BadInputError, or a ModelHubError of kind `missing_extra`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from modelhub import optional
from modelhub.containers import GRAPH_KINDS, hf, pt2
from modelhub.dlv.commit_network import Specs, Wish
from modelhub.dlv.sources import FileSource, Source
from modelhub.errors import BadInputError, CorruptionError, NotFoundError
from modelhub.fs import files
from modelhub.net import from_hf, graph_json
from modelhub.net.from_exported import from_exported
from modelhub.net.from_onnx import from_onnx
from modelhub.net.graph import Network

__all__ = ["IMPORTERS", "import_network", "wish"]

_CONFIG = "config.json"
# Configurations take a few KB.
_CONFIG_BYTES_MAX = 4 << 20


def from_json_file(path: Path) -> Network:
    """Read a network as `modelhub.net.to_json` writes it.

    Raises:
        BadInputError: the file holds no such network.
    """
    size = files.file_stat(path).st_size
    if size > graph_json.BYTES_MAX:
        raise BadInputError(
            f"{size} bytes", expected=f"at most {graph_json.BYTES_MAX}", where=str(path)
        )
    try:
        return graph_json.from_json(files.read_bytes(path))
    except CorruptionError as error:
        raise BadInputError(
            error.found,
            expected=error.expected or "the JSON that modelhub.net.to_json writes",
            where=str(path),
            kind="unsupported_version" if error.kind == "unsupported_version" else None,
        ) from error


def from_pt2_file(path: Path) -> Network:
    """Read the network of a .pt2 file; no pickle in it is run.

    Raises:
        BadInputError: it holds no program that a network can be made of.
        ModelHubError: kind `missing_extra`, torch is not installed.
    """
    with files.InputFile(path) as file:
        found = pt2.read_program(file)
    return from_exported(
        found.program,
        constants=found.constants,
        ties=found.ties,
        where=str(path),
    )


IMPORTERS: Mapping[str, Callable[[Path], Network]] = {
    ".json": from_json_file,
    ".onnx": from_onnx,
    ".pt2": from_pt2_file,
}


def import_network(path: Path, specs: Specs) -> Network:
    """Return the network that a file or model folder holds.

    Args:
        specs: Dtype and shape of the weights by name; a model folder's configuration tells the
            network, and these tell the names and dtypes of its tensors.

    Raises:
        NotFoundError: there is no such file or folder.
        BadInputError: it holds no network that can be kept.
        ModelHubError: kind `missing_extra`, a package is not installed.
    """
    if not files.exists(path):
        raise NotFoundError("no such file or folder", where=str(path))
    if path.is_dir():
        return from_config(path / _CONFIG, specs)
    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        raise BadInputError(
            f"a file with the suffix {path.suffix or 'of nothing'}",
            expected=f"a model folder with {_CONFIG}, or one of {', '.join(IMPORTERS)}",
            where=str(path),
        )
    return importer(path)


def from_config(path: Path, specs: Specs) -> Network:
    """Return the network of a Hugging Face configuration, with the names of some weights.

    Raises:
        BadInputError: there is no configuration, or it makes no network with those names.
        ModelHubError: kind `missing_extra`, transformers or torch is not installed.
    """
    if not files.exists(path):
        raise BadInputError(f"no {_CONFIG}", expected="a model folder", where=str(path.parent))
    tensors = {name: (spec.dtype, tuple(spec.shape)) for name, spec in specs.items()}
    return from_hf.from_config(hf.load_object(path, _CONFIG_BYTES_MAX), tensors, where=str(path))


def wish(given: Path | bool | None, sources: Sequence[Source]) -> Wish:
    """Return what to do about the network of a commit.

    Args:
        given: A path to import it from, False for none, None for what the sources offer: a model
            folder's configuration, if transformers and torch are installed, or one .onnx or .pt2
            file.
    """
    if given is False:
        return Wish(inherit=False)
    if isinstance(given, Path):
        return Wish(source=str(given), importer=partial(import_network, given), required=True)
    configs = (s for s in sources if isinstance(s, FileSource) and s.path == _CONFIG)
    found = next(configs, None)
    if found is not None and any(source.has_tensors for source in sources):
        offered = _offered_config(found)
        if offered is not None:
            return offered
    # A source may be among both the staged and the last ones.
    graphs = {s.source for s in sources if isinstance(s, FileSource) and s.kind in GRAPH_KINDS}
    if len(graphs) != 1:
        return Wish()
    (path,) = graphs
    return Wish(source=str(path), importer=partial(import_network, path))


def _offered_config(found: FileSource) -> Wish | None:
    if not (optional.available("torch") and optional.available("transformers")):
        return None
    try:
        config = hf.load_object(found.source, _CONFIG_BYTES_MAX)
    except BadInputError:
        return None
    if not from_hf.is_config(config):
        return None
    return Wish(source=str(found.source), importer=partial(from_config, found.source))
