"""Make a commit's content of what a Python program holds: arrays, modules, paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelhub.dlv import network_sources
from modelhub.dlv.commit import MAIN_LABEL, Content
from modelhub.dlv.commit_network import Wish
from modelhub.dlv.sources import ArraySource, FileSource, Source, expand
from modelhub.errors import BadInputError, UsageError
from modelhub.net import from_module
from modelhub.net.graph import Network

__all__ = ["GivenNetwork", "content_of"]


@dataclass(frozen=True, slots=True)
class GivenNetwork:
    """What a program says of the network: a module, a `Network`, a path, False for none, or None.

    `inputs`, `kwargs` and `dynamic` are what `modelhub.net.from_module` takes for a module.
    """

    network: Any = None
    inputs: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None
    dynamic: Mapping[str, Sequence[int]] | None = None

    @property
    def has_example(self) -> bool:
        """Whether there are example inputs."""
        return bool(self.inputs) or bool(self.kwargs)


def content_of(
    weights: Any,
    snapshots: Mapping[str, Any],
    files: Sequence[str | Path],
    metadata: Mapping[str, Any],
    series: Mapping[str, Sequence[tuple[float, float]]],
    given: GivenNetwork = GivenNetwork(),
) -> Content:
    """Return what to commit; a module given as the network brings its weights, unless others are.

    Raises:
        UsageError: there is nothing to commit.
        BadInputError: a value is of a type that cannot be stored.
    """
    network = given.network
    if network is None and given.has_example:
        network = weights
    if weights is None and _has_state(network):
        weights = network
    groups = [(label, _sources(value, label)) for label, value in snapshots.items()]
    if weights is not None:
        groups.append((MAIN_LABEL, _sources(weights, "weights")))
    associated = [source for path in files for source in expand(Path(path))]
    if not groups and not associated:
        raise UsageError("there is nothing to commit", expected="weights, snapshots or files")
    found: dict[str, Any] = {}
    for source in [s for _, group in groups[-1:] for s in group]:
        found.update(source.metadata)
    found.update({key: _scalar(key, value) for key, value in metadata.items()})
    points = {
        name: [(float(step), float(value)) for step, value in pairs]
        for name, pairs in series.items()
    }
    plain = [_as_file(source) for source in associated]
    last = [source for _, group in groups[-1:] for source in group]
    return Content(groups, plain, found, points, _wish(network, given, [*last, *associated]))


def _has_state(value: Any) -> bool:
    return callable(getattr(value, "state_dict", None))


def _wish(network: Any, given: GivenNetwork, sources: Sequence[Source]) -> Wish:
    if network is None or network is False:
        return network_sources.wish(network, sources)
    if isinstance(network, str | Path):
        return network_sources.wish(Path(network), sources)
    if isinstance(network, Network):
        return Wish(importer=lambda _: network, required=True)
    if not _has_state(network):
        raise BadInputError(
            f"a network of type {type(network).__name__}",
            expected="a torch module, a Network, a path, or False",
        )
    if not given.has_example:
        raise UsageError(
            "a module as the network, without example inputs",
            expected="example_inputs=(x,), which its forward is run on",
        )
    return Wish(
        importer=lambda _: from_module(network, given.inputs, given.kwargs, dynamic=given.dynamic),
        required=True,
    )


def _sources(value: Any, what: str) -> list[Source]:
    if isinstance(value, str | Path):
        return list(expand(Path(value)))
    arrays = value.state_dict() if _has_state(value) else value
    if not isinstance(arrays, Mapping):
        raise BadInputError(
            f"{what} of type {type(value).__name__}",
            expected="arrays by tensor name, an object with state_dict(), or a path",
        )
    return [ArraySource(arrays)]


def _as_file(source: FileSource) -> FileSource:
    """Return an associated file as such, also where it is a container."""
    return FileSource(source.path, source.source, "file", source.size, 0, source.stamp)


def _scalar(key: str, value: Any) -> str | int | float | bool:
    """Return a metadata value as a plain scalar; numpy and torch scalars have `item()`."""
    item = getattr(value, "item", None)
    plain = item() if callable(item) else value
    if not isinstance(plain, str | int | float | bool):
        raise BadInputError(
            f"metadata {key!r} is of type {type(value).__name__}",
            expected="a string, number or boolean",
        )
    return plain
