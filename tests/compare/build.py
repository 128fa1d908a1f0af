"""Builds the module that steps the core and the slow model side by side."""

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

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

# In a debug run the core's own asserts are checked in every state, too.
ASSERTS = "-UNDEBUG" if os.environ.get("PLANESCHED_DEBUG") else "-DNDEBUG"
SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup

FLAGS = {{"include_dirs": [{include!r}], "extra_compile_args": ["-O2", {asserts!r}]}}
modules = [Extension("slow", ["slow.py"], **FLAGS), Extension("pair", ["pair.pyx"], **FLAGS)]
directives = {{
    "language_level": 3,
    "annotation_typing": False,
    "freethreading_compatible": True,
    "infer_types": True,
}}
setup(name="pair", ext_modules=cythonize(modules, compiler_directives=directives))
"""


def build(to: Path, env: dict[str, str]) -> ModuleType:
    """Compile the slow model and the pair in the directory `to`; give the pair's module."""
    (to / "slow.py").write_text(numbered((PACKAGE / "reference.py").read_text()) + NUMBERS)
    (to / "setup.py").write_text(SETUP.format(include=str(PACKAGE / "include"), asserts=ASSERTS))
    for name in ("slow.pxd", "pair.pyx"):
        shutil.copy(HERE / name, to / name)
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=to, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
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
