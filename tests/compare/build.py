"""Builds the module that steps the core and the slow model side by side."""

import ast
import shutil
import subprocess
import sys
from enum import EnumType
from importlib import import_module
from pathlib import Path
from types import ModuleType

import planesched
from planesched import reference

HERE = Path(__file__).parent
INCLUDE = Path(planesched.__file__).parent / "include"
KEPT = ("bit", "Rules")

NUMBERS = '''

class Numbers:
    """A policy whose fields are C ints."""

    def __init__(self, policy):
        for name in policy.as_dict():
            setattr(self, name, getattr(policy, name))
'''

# The core's own asserts are checked in every state, too; what they take is not measurable here.
SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup

FLAGS = {{"include_dirs": [{include!r}], "extra_compile_args": ["-O3", "-g0", "-UNDEBUG"]}}
modules = [Extension("slow", ["slow.py"], **FLAGS), Extension("pair", ["pair.pyx"], **FLAGS)]
directives = {{
    "language_level": 3,
    "annotation_typing": False,
    "freethreading_compatible": True,
    "infer_types": True,
}}
setup(name="pair", ext_modules=cythonize(modules, compiler_directives=directives))
"""


def build(to: Path, env: dict[str, str]) -> None:
    """Compile the slow model and the pair in the directory `to`."""
    (to / "slow.py").write_text(numbered(Path(reference.__file__).read_text()) + NUMBERS)
    (to / "setup.py").write_text(SETUP.format(include=str(INCLUDE)))
    for name in ("slow.pxd", "pair.pyx"):
        shutil.copy(HERE / name, to / name)
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=to, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def load(built: Path) -> ModuleType:
    """Give the pair's module from the directory that it was built in."""
    sys.path.insert(0, str(built))
    try:
        return import_module("pair")
    finally:
        sys.path.remove(str(built))


class _Numbered(ast.NodeTransformer):
    """What the slow model's module calls a number, or a member of an enum, as that number.

    Nobody listens to the compiled rules, so what they would tell is left out.
    """

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "self.tell":
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node = self.generic_visit(node)
        if ast.unparse(node.func) == "self.kept":
            return ast.BinOp(node.args[1], ast.BitAnd(), node.args[2])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name):
            owner = vars(reference).get(node.value.id)
            if isinstance(owner, EnumType):
                return ast.Constant(int(owner[node.attr]))
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = vars(reference).get(node.id)
        is_number = isinstance(node.ctx, ast.Load) and type(value) is int
        return ast.Constant(value) if is_number else node


def numbered(source: str) -> str:
    """Give the rules of the source alone, with its enums' members and its constants as numbers."""
    tree = ast.parse(source)
    kept = [node for node in tree.body if getattr(node, "name", "") in KEPT]
    assert [node.name for node in kept] == list(KEPT)
    rules = kept[-1]
    # The compiled outcome is read as C ints; this method makes enums of them.
    rules.body = [node for node in rules.body if getattr(node, "name", "") != "outcome"]
    body = [_Numbered().visit(node) for node in kept]
    # What is left over of names is for Python: annotations, and the reasons of `accelerated`.
    imports = "from __future__ import annotations\nfrom planesched.events import MASKS, Reason\n"
    return imports + ast.unparse(ast.Module(body, []))
