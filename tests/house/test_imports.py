"""Imports stand at the top of a file, and only a few named places import by name."""

from __future__ import annotations

import ast
from typing import Any

from importlinter import cli

# The facade's lazy names, optional packages, and the table of verbs. Nothing else.
DYNAMIC_ALLOWED = {"modelhub", "modelhub.optional"}
DYNAMIC_LAYER = "modelhub.cli"
DYNAMIC = {"import_module", "__import__"}


def test_layers(tree: Any, monkeypatch: Any, capsys: Any) -> None:
    """Every contract of pyproject.toml holds: the layers, and who may not know whom."""
    monkeypatch.chdir(tree.root)
    status = cli.lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


def test_no_import_inside_a_function(tree: Any) -> None:
    hidden = []
    for source in tree.python():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Import | ast.ImportFrom):
                        hidden.append(f"{source.path}:{inner.lineno}")
    assert hidden == []


def test_no_relative_import(tree: Any) -> None:
    relative = [
        f"{source.path}:{node.lineno}"
        for source in tree.python()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_imports_by_name_are_where_they_may_be(tree: Any) -> None:
    found = set()
    for source in tree.python("modelhub", "dql"):
        for node in ast.walk(source.tree):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            if name in DYNAMIC:
                found.add(source.module)
    in_cli = {name for name in found if name.startswith(DYNAMIC_LAYER)}
    assert found - in_cli <= DYNAMIC_ALLOWED
    assert len(in_cli) <= 1, "the table of verbs is the one place: " + ", ".join(sorted(in_cli))


def test_the_compiled_core_is_imported_in_one_place(tree: Any) -> None:
    users = {
        source.module
        for source in tree.python("modelhub")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module == "modelhub._core._ext" or any(a.name == "_ext" for a in node.names))
    }
    assert users <= {"modelhub._core"}


def test_nothing_inside_imports_the_facade(tree: Any) -> None:
    """`from modelhub import x` is fine where x is a package or module, not a public name."""
    modules = {source.module for source in tree.python("modelhub")}
    wrong = []
    for source in tree.python("modelhub"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import) and any(a.name == "modelhub" for a in node.names):
                wrong.append(f"{source.path}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and node.module == "modelhub":
                names = {f"modelhub.{alias.name}" for alias in node.names}
                if not names <= modules | {"modelhub.__version__"}:
                    wrong.append(f"{source.path}:{node.lineno}")
    assert wrong == []
