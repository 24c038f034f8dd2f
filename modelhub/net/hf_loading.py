"""Make a Hugging Face model without weights, and trace it.

Imported through `modelhub.net.from_hf` only, since it needs torch and transformers. The model is
made twice: first on torch's meta device, where sizes cost nothing, to see that its parameters are
those of the weights; then with real buffers, whose values become constants of the network.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from modelhub.errors import BadInputError
from modelhub.net import hf_names, tracing
from modelhub.net.from_hf import Tensors, is_config
from modelhub.net.graph import Network
from modelhub.optional import require

__all__ = ["load"]

torch: Any = require("torch", "torch")
transformers: Any = require("transformers", "hf")
auto: Any = require("transformers.models.auto.configuration_auto", "hf")
conversion: Any = require("transformers.conversion_mapping", "hf")
core_loading: Any = require("transformers.core_model_loading", "hf")
hub_constants: Any = require("huggingface_hub.constants", "hf")
logging: Any = require("transformers.utils.logging", "hf")
hooks: Any = require("torch.nn.modules.module", "torch")

# Buffers of real models take a few MB: position numbers, masks.
_BUFFER_BYTES_MAX = 256 << 20
# Up to this size the network is compared with the module on random weights.
_CHECKED_VALUES_MAX = 100_000_000
# The side of example images where a model takes any.
_IMAGE_SIZE = 64
# Larger whole numbers are sizes of tensors, or (up to the second limit) lengths of texts; others
# would make lists without end: a configuration may claim a billion layers or labels.
_NUMBER_MAX = 1 << 20
_LENGTH_MAX = 1 << 24
_LENGTHS = ("position", "length", "context")
# Choices of how to run or load, which would fetch kernels or change tensors.
_IGNORED = ("attn_implementation", "_attn_implementation", "quantization_config", "auto_map")


def load(config: Mapping[str, Any], tensors: Tensors, where: str) -> Network:
    """Do what `modelhub.net.from_hf.from_config` says."""
    if not is_config(config):
        raise BadInputError("no model_type, or no architectures", where=where)
    try:
        with _quiet():
            return _load(config, tensors)
    except BadInputError as error:
        raise BadInputError(
            error.found, expected=error.expected, where=where, hint=error.hint, kind=error.kind
        ) from error
    except Exception as error:  # whatever transformers raises for a configuration
        first = next(iter(str(error).strip().splitlines()), "")
        raise BadInputError(
            f"transformers {transformers.__version__} cannot make the model "
            f"({type(error).__name__}: {first[:300]})",
            where=where,
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Fetch nothing, and say nothing of what a configuration lacks."""
    offline, verbosity = hub_constants.HF_HUB_OFFLINE, logging.get_verbosity()
    hub_constants.HF_HUB_OFFLINE = True
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        hub_constants.HF_HUB_OFFLINE = offline
        logging.set_verbosity(verbosity)


def _load(config: Mapping[str, Any], tensors: Tensors) -> Network:
    class_ = _class(config["architectures"][0])
    largest = max((size for _, shape in tensors.values() for size in shape), default=0)
    _check_numbers(config, max(largest, _NUMBER_MAX))
    with torch.device("meta"), _watched(tensors):
        draft = _make(class_, config)
    prefix = class_.base_model_prefix
    shapes = _shapes(draft)
    converted = _converted(draft, shapes, tensors, prefix)
    rename = hf_names.choose(shapes, _ties(draft), tensors, prefix, converted)
    del draft
    with _watched(tensors):
        model = _make(class_, config)
    total = _fill(model, rename, tensors)
    network: Network = tracing.trace(model, (), _example(model), None, total <= _CHECKED_VALUES_MAX)
    return hf_names.renamed(network, rename)


def _class(name: Any) -> Any:
    """Return a model class of the installed transformers by its name."""
    found = None
    if isinstance(name, str) and re.fullmatch(r"[A-Z]\w{0,99}", name, re.ASCII):
        found = getattr(transformers, name, None)
    if not (inspect.isclass(found) and issubclass(found, transformers.PreTrainedModel)):
        raise BadInputError(
            f"transformers {transformers.__version__} has no model class {str(name)[:100]}",
            hint="code that comes with a model is not run; commit with a module as network=",
        )
    return found


def _check_numbers(config: Mapping[str, Any], most: int) -> None:
    left: list[tuple[str, Any]] = list(config.items())
    while left:
        key, value = left.pop()
        if isinstance(value, dict):
            left += [(str(name), item) for name, item in value.items()]
        elif isinstance(value, list):
            left += [(key, item) for item in value]
        limit = max(most, _LENGTH_MAX) if any(word in key for word in _LENGTHS) else most
        if isinstance(value, int) and abs(value) > limit:
            raise BadInputError(
                f"{key[:80]} is {str(value)[:40]}", expected=f"a whole number up to {limit}"
            )


def _make(class_: Any, config: Mapping[str, Any]) -> Any:
    kind = config["model_type"]
    if kind not in auto.CONFIG_MAPPING_NAMES:
        raise BadInputError(f"transformers {transformers.__version__} has no model type {kind}")
    plain = {key: value for key, value in config.items() if key not in _IGNORED}
    made = auto.CONFIG_MAPPING[kind].from_dict(plain)
    made.use_cache = False
    return class_._from_config(made).train()


@contextlib.contextmanager
def _watched(tensors: Tensors) -> Iterator[None]:
    """Keep parameters on the meta device; stop when they cannot be those of the weights.

    A configuration may claim a million layers: what is made never grows beyond what is there.
    """
    shapes = {shape for _, shape in tensors.values()}
    count = size = 0

    def parameter(module: Any, name: str, value: Any) -> Any:
        nonlocal count
        count += 1
        if value is None:
            return None
        if tuple(value.shape) not in shapes:
            raise BadInputError(
                f"no weight has the shape {list(value.shape)} of a {type(module).__name__}.{name}"
            )
        if count > 4 * len(tensors) + 100:
            raise BadInputError(f"the model has far more parameters than {len(tensors)}")
        # One that is there already is tied to this name now.
        if value.device.type == "meta":
            return value
        return torch.nn.Parameter(value.detach().to("meta"), value.requires_grad)

    def buffer(_module: Any, _name: str, value: Any) -> Any:
        nonlocal size
        size += 0 if value is None else value.nbytes
        if size > _BUFFER_BYTES_MAX:
            raise BadInputError(f"its buffers take more than {_BUFFER_BYTES_MAX} bytes")

    handles = [
        hooks.register_module_parameter_registration_hook(parameter),
        hooks.register_module_buffer_registration_hook(buffer),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def _converted(
    model: Any, shapes: Mapping[str, Any], tensors: Tensors, prefix: str
) -> dict[str, str]:
    """Return the names of weights that transformers gives others when it loads them.

    They are keyed by the model's names. Weights that it also joins or splits are left out: those of
    the model are not in the file then.
    """
    if all(name in tensors for name in shapes):
        return {}
    steps = conversion.get_model_conversion_mapping(model)
    joins = [step for step in steps if isinstance(step, core_loading.WeightConverter)]
    renames = [step for step in steps if isinstance(step, core_loading.WeightRenaming)]
    found = {}
    for name in tensors:
        new, joined = core_loading.rename_source_key(name, renames, joins, prefix, shapes)
        if joined is None and new != name and new in shapes:
            found[new] = name
    return found


def _ties(model: Any) -> dict[str, str]:
    """Return for each name of the state dict the first name of the same tensor."""
    first: dict[int, str] = {}
    state = model.state_dict(keep_vars=True)
    return {name: first.setdefault(id(value), name) for name, value in state.items()}


def _fill(model: Any, rename: hf_names.Rename, tensors: Tensors) -> int:
    """Give each parameter memory and the dtype of its weight; return how many values they have.

    The values are zeros, which take no room until they are read, or random in a model so small that
    it can be run.
    """
    ties, made = _ties(model), {}
    parameters = dict(model.named_parameters(remove_duplicate=False))
    total = sum(parameters[name].numel() for name in parameters if ties[name] == name)
    random = torch.Generator().manual_seed(0)
    for name, parameter in parameters.items():
        first = ties[name]
        if first not in made:
            there = [rename.tensor(n) for n, tied in ties.items() if tied == first]
            word = next(tensors[n][0] for n in there if n in tensors)
            made[first] = _zeros(tuple(parameter.shape), word, parameter.requires_grad)
            if total <= _CHECKED_VALUES_MAX and parameter.is_floating_point():
                made[first].data.normal_(0.0, 0.05, generator=random)
        owner, _, leaf = name.rpartition(".")
        model.get_submodule(owner)._parameters[leaf] = made[first]
    return int(total)


def _zeros(shape: tuple[int, ...], word: str, trained: bool) -> Any:
    dtype = getattr(torch, word, None)
    if not isinstance(dtype, torch.dtype):
        raise BadInputError(f"torch has no dtype {word}")
    count = int(np.prod(shape, dtype=np.int64))
    memory = torch.from_numpy(np.zeros(count * dtype.itemsize, np.uint8))
    value = memory.view(dtype).reshape(shape) if count else torch.zeros(shape, dtype=dtype)
    return torch.nn.Parameter(value, trained and dtype.is_floating_point)


def _example(model: Any) -> dict[str, Any]:
    """Return inputs for the model's forward, by name."""
    takes = inspect.signature(model.forward).parameters
    name = model.main_input_name
    found: dict[str, Any] = {}
    if name == "input_ids":
        tokens = torch.arange(16).reshape(2, 8) % model.config.get_text_config().vocab_size
        found["input_ids"] = tokens
        if "attention_mask" in takes:
            found["attention_mask"] = torch.ones_like(tokens)
        if model.config.is_encoder_decoder:
            found["decoder_input_ids"] = tokens
    elif name == "pixel_values":
        size = getattr(model.config, "image_size", _IMAGE_SIZE)
        sides = (size, size) if isinstance(size, int) else tuple(size)
        shape = (2, model.config.num_channels, *sides)
        dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
        found["pixel_values"] = torch.zeros(shape, dtype=dtype)
    else:
        raise BadInputError(f"a model whose input is {name}", expected="input_ids or pixel_values")
    if "use_cache" in takes:
        found["use_cache"] = False
    return found
