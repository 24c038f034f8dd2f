"""LSTM and GRU. ONNX and torch order the gates differently, so their matrices are rearranged.

The rearranging is nodes of the network, on the stored weights: they stay what the file has.
"""

from __future__ import annotations

from typing import Any

from modelhub.net.onnx_ops.call import Call, Function
from modelhub.optional import require

__all__ = ["FUNCTIONS"]

torch: Any = require("torch", "torch")

# Where torch's gates are among ONNX's: input, output, forget, cell; update, reset, hidden.
_LSTM_ORDER = (0, 2, 3, 1)
_GRU_ORDER = (1, 0, 2)


def _gates(value: Any, order: tuple[int, ...]) -> Any:
    parts = torch.chunk(value, len(order), 0)
    return torch.cat([parts[place] for place in order], 0)


def _parameters(call: Call, order: tuple[int, ...]) -> list[Any]:
    """Return torch's list of matrices and biases."""
    matrices = [call.tensor(1), call.tensor(2)]
    biases = call.optional(3)
    found = []
    for direction in range(matrices[0].shape[0]):
        found += [_gates(torch.select(matrix, 0, direction), order) for matrix in matrices]
        if biases is not None:
            both = torch.chunk(torch.select(biases, 0, direction), 2, 0)
            found += [_gates(bias, order) for bias in both]
    return found


def _check(call: Call, activations: list[str]) -> int:
    direction = call.attribute("direction", "forward")
    count = {"forward": 1, "bidirectional": 2}.get(direction, 0)
    if not count:
        raise call.refuse(f"direction={direction}")
    if call.has(4):
        raise call.refuse("lengths of sequences")
    call.only(clip=None, layout=0, input_forget=0)
    if [name.lower() for name in call.attribute("activations", activations * count)] != [
        name.lower() for name in activations
    ] * count:
        raise call.refuse("activations of its own")
    return count


def _state(call: Call, index: int, value: Any, directions: int) -> Any:
    if call.has(index):
        return call.tensor(index)
    return value.new_zeros([directions, value.shape[1], call.tensor(2).shape[2]])


def _output(call: Call, result: Any, directions: int) -> Any:
    """Return the output as ONNX has it: the directions are a dimension after time."""
    if directions == 1:
        return torch.unsqueeze(result, 1)
    hidden = call.tensor(2).shape[2]
    parts = torch.unflatten(result, 2, [directions, hidden])
    return parts.permute(0, 2, 1, 3)


def _lstm(call: Call) -> Any:
    if call.has(7):
        raise call.refuse("peepholes")
    directions = _check(call, ["Sigmoid", "Tanh", "Tanh"])
    value = call.tensor(0)
    parameters = _parameters(call, _LSTM_ORDER)
    state = [_state(call, index, value, directions) for index in (5, 6)]
    result, hidden, cell = torch.lstm(
        value, state, parameters, call.has(3), 1, 0.0, call.training, directions == 2, False
    )
    return _output(call, result, directions), hidden, cell


def _gru(call: Call) -> Any:
    directions = _check(call, ["Sigmoid", "Tanh"])
    if not call.attribute("linear_before_reset", 0):
        raise call.refuse("linear_before_reset=0")
    value = call.tensor(0)
    parameters = _parameters(call, _GRU_ORDER)
    state = _state(call, 5, value, directions)
    result, hidden = torch.gru(
        value, state, parameters, call.has(3), 1, 0.0, call.training, directions == 2, False
    )
    return _output(call, result, directions), hidden


FUNCTIONS: dict[str, Function] = {"LSTM": _lstm, "GRU": _gru}
