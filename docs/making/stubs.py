"""Signatures of compiled names with their types, from the stub beside each compiled module."""

import ast
from copy import deepcopy
from functools import cache
from importlib import import_module
from pathlib import Path

__all__ = ["signature"]


@cache
def stub(module: str) -> dict[str, list[ast.FunctionDef]]:
    """Return the functions of a module's stub, and those of its classes, with their overloads."""
    path = Path(str(import_module(module).__file__))
    path = path.with_name(f"{path.name.partition('.')[0]}.pyi")
    found: dict[str, list[ast.FunctionDef]] = {}
    if path.is_file():
        collect(ast.parse(path.read_text(encoding="utf-8")), "", found)
    return found


def collect(
    tree: ast.Module | ast.ClassDef, within: str, found: dict[str, list[ast.FunctionDef]]
) -> None:
    """Gather functions by their qualified name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            collect(node, f"{node.name}.", found)
        elif isinstance(node, ast.FunctionDef):
            found.setdefault(within + node.name, []).append(node)


def signature(value: object) -> tuple[str, str] | None:
    """Return arguments and what is returned; None where no stub says so, or several ways."""
    module, name = (getattr(value, key, None) for key in ("__module__", "__qualname__"))
    if not str(module).startswith("planesched"):
        return None
    known = stub(str(module)).get(f"{name}.__init__" if isinstance(value, type) else str(name))
    if known is None or len(known) != 1:
        return None
    [node] = known
    given, made = deepcopy(node.args), isinstance(value, type)
    if made or ("." in str(name) and "staticmethod" not in map(ast.unparse, node.decorator_list)):
        (given.posonlyargs or given.args).pop(0)  # self
    returned = "" if node.returns is None or made else ast.unparse(node.returns)
    return f"({ast.unparse(given)})", returned
