"""Names: what a module offers, the kinds of errors, and what no file may name."""

from __future__ import annotations

import ast
import re
from typing import Any

from modelhub.errors import KINDS

# Told in parts, so that this file does not hold them itself.
WORKPLACE = [
    "/wo" + "rk/",
    "/tmp" + "/w/",
    "../" + "shared",
    "issues " + "show",
    "pypi." + "org",
    "deb.debian." + "org",
    "registry.npmjs." + "org",
]


def test_nothing_names_the_place_it_was_written_at(tree: Any) -> None:
    found = []
    for path in tree.files:
        try:
            text = tree.read(path)
        except UnicodeDecodeError:
            continue
        found += [f"{path}: {word}" for word in WORKPLACE if word in text]
    assert found == []


def _kinds_raised(node: ast.Call) -> list[str]:
    """Return the kinds that a call hands to an error: `SomeError(..., kind="...")`."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if not name.endswith("Error"):
        return []
    return [
        inner.value
        for keyword in node.keywords
        if keyword.arg == "kind"
        for inner in ast.walk(keyword.value)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    ]


def test_every_kind_raised_is_listed(tree: Any) -> None:
    raised = {
        (kind, str(source.path))
        for source in tree.python("modelhub")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        for kind in _kinds_raised(node)
    }
    assert len(raised) > 5
    assert [f"{path}: {kind}" for kind, path in sorted(raised) if kind not in KINDS] == []


def test_every_default_kind_is_listed(tree: Any) -> None:
    found = re.findall(r'default_kind(?:: ClassVar\[str\])? = "(\w+)"', _all_python(tree))
    assert len(found) >= 8
    assert set(found) <= set(KINDS)


def _all_python(tree: Any) -> str:
    return "\n".join(source.text for source in tree.python("modelhub"))


def test_every_module_says_what_it_offers(tree: Any) -> None:
    """A module with public names has `__all__`, in order, and everything in it exists there."""
    wrong = []
    for source in tree.python("modelhub", "dql", "bench"):
        if source.path.name == "__main__.py":
            continue
        offered, defined = _offered(source.tree), _defined(source.tree)
        if offered is None:
            own = {name for name in _defined_here(source.tree) if not name.startswith("_")}
            if own:
                wrong.append(f"{source.path}: no __all__ for {sorted(own)}")
            continue
        if "__getattr__" not in defined and not set(offered) <= defined:
            wrong.append(f"{source.path}: not there: {sorted(set(offered) - defined)}")
        if len(set(offered)) != len(offered):
            wrong.append(f"{source.path}: a name stands twice in __all__")
    assert wrong == []


def _offered(module: ast.Module) -> list[str] | None:
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            return list(ast.literal_eval(node.value))
    return None


def _defined_here(module: ast.Module) -> set[str]:
    """Return the classes and functions of a module's top level."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in module.body if isinstance(node, kinds)}


def _defined(module: ast.Module) -> set[str]:
    """Return every name that the module's top level binds, imports included."""
    names = _defined_here(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        names |= {
            name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
        }
    return names
