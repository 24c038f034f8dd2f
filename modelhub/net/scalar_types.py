"""The numbers by which torch.export writes dtypes, and texts by which it writes sizes."""

from __future__ import annotations

import ast

__all__ = ["SCALAR_TYPES", "size_text"]

# ScalarType of torch/_export/serde/schema.py -> our dtype; complex half has none.
SCALAR_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32",
    8: "float64", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16",
    29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip

# Of expressions over sizes, before they are parsed; a network admits 200 characters of the result.
_TEXT_MAX = 4000
_OPERATORS = {"Add": " + ", "Mul": "*", "FloorDiv": "//", "Pow": "**", "Mod": " % "}


def size_text(text: str) -> int | str:
    """Return a size that torch wrote as `Mul(Integer(2), Symbol('s0', ...))`: `2*s0`, or a number.

    Raises:
        ValueError: it is no expression over sizes.
    """
    if len(text) > _TEXT_MAX:
        raise ValueError("a size that is too long")
    try:
        tree = ast.parse(text, mode="eval").body
        return _text(tree, False)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text[:40]!r} is no size") from error


def _text(node: ast.expr, inside: bool) -> int | str:
    match node:
        case ast.Constant(int(number)):
            return int(number)
        case ast.UnaryOp(ast.USub(), ast.Constant(int(number))):
            return -int(number)
        case ast.Name(name):
            return name
        case ast.Call(ast.Name("Symbol"), [ast.Constant(str(name)), *_]) if name.isidentifier():
            return name
        case ast.Call(ast.Name("Integer"), [argument]):
            return _text(argument, inside)
        case ast.Call(ast.Name(name), arguments):
            parts = [str(_text(one, True)) for one in arguments]
            if name not in _OPERATORS:
                return f"{name}({', '.join(parts)})"
            joined = _OPERATORS[name].join(parts).replace("+ -", "- ")
            return f"({joined})" if inside and name != "Mul" else joined
        case ast.BinOp():
            # Older torch wrote plain arithmetic.
            return ast.unparse(node).replace(" * ", "*")
    raise ValueError("a size that is no expression over sizes")
