"""Builds the module that steps the core and the slow model side by side."""

import re
import shutil
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from Cython.Build import cythonize
from setuptools import Distribution, Extension

import planesched
from planesched import events, policy

HERE = Path(__file__).parent
PACKAGE = Path(planesched.__file__).parent
ENUMS = (*policy.ENUMS.values(), events.Event, events.Reason, events.Fault, events.Flags)
CONSTANTS = {"MAX_PLANES": policy.MAX_PLANES, "ALL": 0xFFFF, "NOBODY": -1}

NUMBERS = '''

class Numbers:
    """A policy whose fields are C ints."""

    def __init__(self, policy):
        for name in policy.as_dict():
            setattr(self, name, getattr(policy, name))
'''


def build(to: Path) -> ModuleType:
    """Compile the slow model and the pair into the directory `to`; give the pair's module."""
    source = numbered((PACKAGE / "reference.py").read_text())
    (to / "slow.py").write_text(source + NUMBERS)
    for name in ("slow.pxd", "pair.pyx"):
        shutil.copy(HERE / name, to / name)
    include = str(PACKAGE / "include")
    extensions = [
        Extension(name, [str(to / file)], include_dirs=[include], extra_compile_args=["-O2"])
        for name, file in (("slow", "slow.py"), ("pair", "pair.pyx"))
    ]
    directives = {"language_level": 3, "annotation_typing": False, "infer_types": True}
    modules = cythonize(
        extensions, include_path=[str(to)], compiler_directives=directives, quiet=True
    )
    command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(to), str(to / "temp")
    command.ensure_finalized()
    command.run()
    sys.path.insert(0, str(to))
    try:
        return import_module("pair")
    finally:
        sys.path.remove(str(to))


def numbered(source: str) -> str:
    """Give the source with each enum's members, and the constants, as the numbers they are."""
    for enum in ENUMS:
        for member in enum:
            source = re.sub(rf"\b{enum.__name__}\.{member.name}\b", str(int(member)), source)
    head, body = source.split("def bit(", 1)
    for name, value in CONSTANTS.items():
        body = re.sub(rf"\b{name}\b", f"({value})", body)
    return head.replace("from .", "from planesched.") + "def bit(" + body
