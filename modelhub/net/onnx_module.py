"""Make a torch module of an ONNX graph, for `torch.export` to trace.

Imported through `modelhub.net.from_onnx` only, since it needs torch and onnx. The module has a
submodule for each node, so that the traced graph knows the node that each step came from, and the
stored tensors under their clean names.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from modelhub.errors import BadInputError
from modelhub.net.onnx_graph import Graph, OnnxNode, Stored
from modelhub.net.onnx_ops import arithmetic, host, layers, recurrent, shapes
from modelhub.net.onnx_ops.call import Call, Function, to_tensor
from modelhub.optional import require

__all__ = ["FUNCTIONS", "OnnxModule", "check_ops"]

torch: Any = require("torch", "torch")

FUNCTIONS: Mapping[str, Function] = {
    **arithmetic.FUNCTIONS,
    **layers.FUNCTIONS,
    **shapes.FUNCTIONS,
    **recurrent.FUNCTIONS,
}
# Of batch norm: mean and variance, which training does not learn.
_STATISTICS = (3, 4)


def check_ops(graph: Graph) -> None:
    """Check that every operator is known.

    Raises:
        BadInputError: some are not; the text names them all.
    """
    unknown = {
        f"{node.domain}.{node.op}" if node.domain else node.op
        for node in graph.nodes
        if node.domain or node.op not in FUNCTIONS
    }
    if unknown:
        raise BadInputError(
            f"ONNX operators that a network may not hold: {', '.join(sorted(unknown))}",
            hint="commit the file for its weights alone",
        )


class _Step(torch.nn.Module):  # type: ignore[misc]
    """One node; a module, so that its path is written down with what it does."""

    def forward(self, call: Call) -> Any:
        """Return the node's value, or a tuple of them."""
        return FUNCTIONS[call.node.op](call)


class OnnxModule(torch.nn.Module):  # type: ignore[misc]
    """The graph as a module.

    Args:
        tensors: The name in the module for each stored tensor that W has.
        constants: The same for the stored tensors that it lacks.
        steps: The path of the submodule of each node, in order.
        inputs: The name in the module of each input, by its name in the file.
    """

    def __init__(
        self,
        graph: Graph,
        tensors: Mapping[str, str],
        constants: Mapping[str, str],
        steps: list[str],
        inputs: Mapping[str, str],
    ) -> None:
        super().__init__()
        self._mh_graph = graph
        self._mh_names = {**tensors, **constants}
        self._mh_inputs = dict(inputs)
        buffers = {
            node.inputs[place]
            for node in graph.nodes
            if node.op == "BatchNormalization"
            for place in _STATISTICS
            if place < len(node.inputs)
        }
        for name, path in self._mh_names.items():
            self._register(path, graph.stored[name], name in buffers, name in tensors)
        self._mh_steps = [self._container(path) for path in steps]
        names = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for name in self._mh_inputs.values()
        ]
        signature = inspect.Signature(names)

        def forward(*args: Any, **kwargs: Any) -> Any:
            return self._run(signature.bind(*args, **kwargs).arguments)

        # torch.export asks the function for the names of the inputs.
        forward.__signature__ = signature  # type: ignore[attr-defined]
        self.forward = forward

    def _register(self, path: str, stored: Stored, statistic: bool, persistent: bool) -> None:
        above, _, leaf = path.rpartition(".")
        owner = self._container(above)
        array = stored.array
        if not persistent:
            owner.register_buffer(leaf, to_tensor(array), persistent=False)
            return
        # The values play no part in the trace, so there is no need to hold them twice.
        value = torch.zeros(array.shape, dtype=getattr(torch, array.dtype.name))
        if value.is_floating_point() and value.ndim and not statistic:
            owner.register_parameter(leaf, torch.nn.Parameter(value))
        else:
            owner.register_buffer(leaf, value)

    def _container(self, path: str) -> Any:
        """Return the module at a path; a step of a node may hold tensors and other steps too."""
        if not path:
            return self
        above, _, leaf = path.rpartition(".")
        modules = self._container(above)._modules
        return modules.setdefault(leaf, _Step())

    def _fetch(self, stored: Stored) -> Any:
        path = self._mh_names[stored.name]
        above, _, leaf = path.rpartition(".")
        return getattr(self.get_submodule(above), leaf)

    def _run(self, given: Mapping[str, Any]) -> Any:
        graph = self._mh_graph
        values: dict[str, Any] = dict(graph.stored)
        values |= {name: given[own] for name, own in self._mh_inputs.items()}
        for node, step in zip(graph.nodes, self._mh_steps, strict=True):
            inputs = [self._value(values, name, node) for name in node.inputs]
            if node.op == "Identity" and inputs and isinstance(inputs[0], Stored):
                # Exporters write one weight under several names so.
                values[node.outputs[0]] = inputs[0]
                continue
            wanted = max((i + 1 for i, name in enumerate(node.outputs) if name), default=1)
            call = Call(node, inputs, graph.opset, self.training, self._fetch, wanted)
            result = host.run(call)
            if result is None:
                result = step(call)
            results = result if isinstance(result, tuple | list) else (result,)
            values.update(zip(node.outputs, results, strict=False))
        found = {name: self._tensor(values.get(name), name) for name in graph.outputs}
        return next(iter(found.values())) if len(found) == 1 else found

    def _value(self, values: Mapping[str, Any], name: str, node: OnnxNode) -> Any:
        if name and name not in values:
            raise BadInputError(
                f"{node.op} reads {name[:80]!r}, which nothing before it gives",
                where=node.name[:80],
            )
        return values[name] if name else None

    def _tensor(self, value: Any, name: str) -> Any:
        if value is None:
            raise BadInputError(f"nothing gives the output {name[:80]!r}")
        if isinstance(value, Stored):
            return self._fetch(value)
        return to_tensor(value) if isinstance(value, np.ndarray) else value
