"""The rules' own C text, preprocessed and parsed: what an export is folded from."""

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Mistake, Words

__all__ = ["INCLUDE", "Rules", "compiler", "rules"]

INCLUDE = Path(__file__).parents[1] / "include"

# What the headers take from their platform, as names that stay names (planesched/platform.h).
_PLATFORM = """\
typedef unsigned char uint8_t; typedef unsigned short uint16_t; typedef unsigned int uint32_t;
typedef unsigned long uint64_t; typedef signed char int8_t; typedef int int32_t;
typedef unsigned long size_t; typedef unsigned long uintptr_t;
#define NULL 0
#define PS_ASSERT(condition) ((void)0)
#define PS_MEMCPY ps_memcpy
#define PS_MEMSET ps_memset
#define PS_MEMCMP ps_memcmp
"""
_COMMENTED = re.compile(
    r"/\*((?:(?!\*/).)*)\*/\n(?:static inline|PS_SELDOM)[^(;{]*?\b(ps_\w+)\(", re.DOTALL
)


@dataclass(frozen=True)
class Rules:
    """Functions, structs, enumerators and tables of the headers, by name."""

    functions: Mapping[str, Any]
    structs: Mapping[str, Any]
    constants: Mapping[str, int]
    tables: Mapping[str, Any]
    comments: Mapping[str, str] = field(default_factory=dict)


def compiler() -> str:
    """Return a C compiler's path."""
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found:
            return found
    raise Mistake(
        "PATH", Words("there is no C compiler"), "cc, gcc or clang, which reads the rules' headers"
    )


def _preprocessed() -> str:
    with tempfile.TemporaryDirectory() as folder:
        platform, source = Path(folder) / "platform.h", Path(folder) / "rules.c"
        platform.write_text(_PLATFORM, encoding="utf-8")
        source.write_text('#include "planesched/step.h"\n', encoding="utf-8")
        command = [compiler(), "-E", "-P", "-U__GNUC__", f'-DPS_PLATFORM="{platform}"']
        done = subprocess.run(
            [*command, f"-I{INCLUDE}", str(source)], capture_output=True, text=True, check=True
        )
    return done.stdout


def _enumerators(node: Any, constants: dict[str, int]) -> None:
    number = 0
    for each in node.values.enumerators:
        number = number if each.value is None else int(each.value.value.rstrip("uUlL"), 0)
        constants[each.name] = number
        number += 1


def _comments() -> dict[str, str]:
    """Return the comment that stands above each function."""
    found = {}
    for path in sorted((INCLUDE / "planesched").glob("*.h")):
        for comment, name in _COMMENTED.findall(path.read_text(encoding="utf-8")):
            found[name] = " ".join(line.strip(" *") for line in comment.splitlines()).strip()
    return found


@functools.cache
def rules() -> Rules:
    """Read the headers."""
    try:
        from pycparser import c_ast, c_parser
    except ImportError as error:
        expected = "pycparser: pip install 'planesched[export]'"
        raise Mistake("export", Words("it needs a package"), expected) from error
    functions: dict[str, Any] = {}
    structs: dict[str, Any] = {}
    constants: dict[str, int] = {}
    tables: dict[str, Any] = {}
    for node in c_parser.CParser().parse(_preprocessed()).ext:
        if isinstance(node, c_ast.FuncDef):
            functions[node.decl.name] = node
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.Struct):
            structs[node.type.name] = node.type.decls
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.Enum):
            _enumerators(node.type, constants)
        elif isinstance(node, c_ast.Decl) and node.init is not None:
            tables[node.name] = node.init
    return Rules(functions, structs, constants, tables, _comments())
