"""Trace a torch module with `torch.export` and make a network of the graph.

Imported through `modelhub.net.from_torch` only, since it needs torch. The graph is taken as it
comes, not decomposed: there one op is one layer.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from modelhub.errors import BadInputError
from modelhub.net import graph, interpreter
from modelhub.net.arguments import Ref, Weight, check_name
from modelhub.net.graph import TENSORS_MAX, Group, Network, Output, Tensor, TooLargeError
from modelhub.net.lowering import Lowering
from modelhub.optional import require

__all__ = ["trace"]

torch: Any = require("torch", "torch")
pytree: Any = require("torch.utils._pytree", "torch")


def trace(
    module: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    dynamic: Mapping[str, Sequence[int]] | None,
    check: bool,
) -> Network:
    """Do what `modelhub.net.from_torch.from_module` says."""
    if not isinstance(module, torch.nn.Module):
        raise BadInputError(f"a {type(module).__name__}", expected="a torch.nn.Module")
    inputs = _bind(module, args, kwargs)
    count = len(module.state_dict())
    if count > TENSORS_MAX:
        raise _too_large(module, f"{count} tensors, at most {TENSORS_MAX}")
    program = _export(module, inputs, dynamic)
    try:
        network = _network(module, program)
        graph.check(network)
    except TooLargeError as error:
        raise _too_large(module, str(error)) from error
    except ValueError as error:
        raise BadInputError(
            f"the module cannot be kept as a network: {error}", where=type(module).__name__
        ) from error
    if check:
        _compare(module, network, inputs)
    return network


def _too_large(module: Any, reason: str) -> BadInputError:
    return BadInputError(
        f"the module is too large for a network: {reason}",
        where=type(module).__name__,
        kind="network_limit",
    )


def _bind(module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the example inputs by the names of forward's arguments."""
    try:
        bound = inspect.signature(module.forward).bind(*args, **kwargs)
    except TypeError as error:
        raise BadInputError(f"the example inputs do not fit forward: {error}") from error
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            raise BadInputError("forward takes any number of inputs", expected="inputs with names")
        else:
            found[name] = value
    for name, value in found.items():
        if not isinstance(value, torch.Tensor | bool | int | float | str | None):
            raise BadInputError(
                f"the input {name} is a {type(value).__name__}", expected="a tensor"
            )
    return found


@contextlib.contextmanager
def _mode(module: Any, training: bool) -> Any:
    """Set the mode of all modules, and give each its own back."""
    modes = [(part, part.training) for part in module.modules()]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    try:
        module.train(training)
        # The fused kernel of nn.TransformerEncoder rounds otherwise than the ops it stands for.
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for part, was in modes:
            part.training = was


def _export(
    module: Any, inputs: dict[str, Any], dynamic: Mapping[str, Sequence[int]] | None
) -> Any:
    if not hasattr(getattr(torch.export, "Dim", None), "AUTO"):
        raise BadInputError(f"torch {torch.__version__}", expected="torch 2.6 or newer")
    unknown = set(dynamic or {}) - inputs.keys()
    if unknown:
        raise BadInputError(f"no input {min(unknown)}", expected=f"one of {', '.join(inputs)}")
    examples: dict[str, Any] = {}
    shapes: dict[str, Any] = {}
    for name, value in inputs.items():
        examples[name], shapes[name] = value, None
        if isinstance(value, torch.Tensor):
            free = dynamic.get(name, ()) if dynamic is not None else _free(value)
            shapes[name] = dict.fromkeys(free, torch.export.Dim.AUTO)
            # torch.export takes a size of 1 for one that never changes.
            for place in free:
                if value.shape[place] == 1:
                    examples[name] = torch.cat([examples[name]] * 2, place)
    try:
        # When torch fails it prints the graph, pages of it, beside raising.
        with (
            _mode(module, True),
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            return torch.export.export(module, (), examples, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # whatever the user's forward raises, or torch for it
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise BadInputError(
            f"torch.export cannot trace it ({type(error).__name__}: {first[:300]})",
            where=type(module).__name__,
            hint="a forward that branches on values has no network; commit the weights alone",
        ) from error


def _free(value: Any) -> tuple[int, ...]:
    whole = not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)
    return tuple(range(min(value.ndim, 2 if whole else 1)))


def _network(module: Any, program: Any) -> Network:
    lowering = Lowering(program, _ties(module))
    lowering.run()
    used = {name for node in lowering.nodes for name in (*node.parameters, node.counter)}
    outputs = pytree.tree_unflatten(lowering.outputs, program.call_spec.out_spec)
    return Network(
        inputs=lowering.inputs,
        nodes=tuple(lowering.nodes),
        tensors=_tensors(module, program, used | lowering.weights_out),
        outputs=_output(outputs),
    )


def _ties(module: Any) -> dict[str, list[str]]:
    names: dict[int, list[str]] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        names.setdefault(id(value), []).append(name)
    return {name: group for group in names.values() if len(group) > 1 for name in group}


def _tensors(module: Any, program: Any, used: set[str]) -> tuple[Tensor, ...]:
    found: list[Tensor] = []
    state = module.state_dict(keep_vars=True)
    first: dict[int, str] = {}
    for name, value in state.items():
        tied = first.setdefault(id(value), name)
        frozen = "parameter" if value.requires_grad else "frozen"
        role = frozen if isinstance(value, torch.nn.Parameter) else "buffer"
        found.append(_tensor(name, value, role, tied if tied != name else ""))
    constants = {**dict(module.named_buffers(remove_duplicate=False)), **program.constants}
    for name in sorted(used - state.keys() - {""}):
        if name not in constants:
            raise ValueError(f"it reads {name}, which is in no state dict")
        found.append(_tensor(name, constants[name], "constant", ""))
    return tuple(found)


def _tensor(name: str, value: Any, role: str, tied: str) -> Tensor:
    check_name(name)
    data = b""
    if role == "constant":
        if value.nbytes > graph.CONSTANT_BYTES_MAX:
            raise ValueError(
                f"the buffer {name} takes {value.nbytes} bytes and is not in the state dict; "
                "register it with persistent=True"
            )
        flat = value.detach().cpu().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes()
    return Tensor(name, str(value.dtype)[6:], tuple(value.shape), role, tied, data)


def _output(value: Any) -> Output:
    if value is None or isinstance(value, Ref | Weight | bool | int | float):
        return value
    if isinstance(value, Mapping):
        keys = tuple(str(key) for key in value)
        return Group("dict", tuple(map(_output, value.values())), keys)
    if isinstance(value, tuple | list):
        type_ = "list" if isinstance(value, list) else "tuple"
        return Group(type_, tuple(map(_output, value)))
    raise ValueError(f"it returns a {type(value).__name__}, not tensors, lists, tuples or dicts")


def _compare(module: Any, network: Network, inputs: dict[str, Any]) -> None:
    copy = interpreter.build(network, module.state_dict())
    tensors = {name: value for name, value in inputs.items() if name in network.inputs}
    with torch.no_grad(), _mode(module, False):
        expected = pytree.tree_leaves(module(**inputs))
        found = pytree.tree_leaves(copy(**tensors))
    same = len(expected) == len(found) and all(map(_close, expected, found))
    if not same:
        raise BadInputError(
            "in eval mode the network gives other values than the module",
            where=type(module).__name__,
            hint="a forward that takes another way in eval mode, or draws random numbers there, "
            "has no network; commit the weights alone",
        )


def _close(expected: Any, found: Any) -> bool:
    if not isinstance(expected, torch.Tensor):
        return bool(expected == found)
    # Equal on the CPU; other devices may choose another kernel from one call to the next.
    return expected.shape == found.shape and bool(
        torch.allclose(expected, found, rtol=1e-4, atol=1e-6, equal_nan=True)
    )
