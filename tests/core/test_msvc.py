"""Headers and C compile as MSVC sees them: its branch of every #if, and no extension of GNU's.

There is no MSVC here. gcc plays it with its own macros taken away and MSVC's names defined; where
there is clang, it compiles for Windows with MSVC's rules of layout and language. The C library is
as much of it as is asked for, in tests/msvc.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import planesched

ROOT = Path(__file__).parents[2]
INCLUDE = Path(planesched.get_include())
FILES = sorted([*INCLUDE.rglob("*.h"), *(ROOT / "csrc").glob("*.[ch]")])
AS_MSVC = [
    *("-U__GNUC__", "-U__clang__", "-ffreestanding"),
    *("-Wall", "-Wextra", "-Wno-unused-function", "-pedantic-errors", "-Werror"),
]
NAMES = ["-D_MSC_VER=1940", "-D_WIN32", "-D_WIN64", "-D_M_X64", "-D__int64=long long"]
COMPILERS = {"gcc": ["gcc", "-nostdinc", *NAMES]}
if shutil.which("clang"):
    windows = ["--target=x86_64-pc-windows-msvc", "-fms-extensions", "-fms-compatibility"]
    version = ["-fms-compatibility-version=19.40", "-Wno-language-extension-token"]
    COMPILERS["clang"] = ["clang", *windows, *version]
# offsetof is this in gcc's <stddef.h>, and something else in MSVC's.
GNU = re.compile(
    r"\b(?!__builtin_offsetof\b)"
    r"(?:__(?:builtin|atomic|sync)_\w+|__attribute__|__typeof__|__int128)\b"
)


def compile_as_msvc(compiler, language, path, *more, tool_env):
    command = [*COMPILERS[compiler], *AS_MSVC, "-x", language]
    command += ["-std=c11" if language == "c" else "-std=c++17"]
    command += ["-isystem", ROOT / "tests" / "msvc", f"-I{INCLUDE}", f"-I{ROOT / 'csrc'}"]
    if compiler == "gcc":
        ask = ["gcc", "-print-file-name=include"]
        own = subprocess.run(ask, capture_output=True, text=True, check=True, env=tool_env)
        command += ["-isystem", own.stdout.strip()]
    return subprocess.run(
        [*command, *more, path], capture_output=True, text=True, check=False, env=tool_env
    )


@pytest.mark.parametrize("compiler", sorted(COMPILERS))
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_compiles(compiler, path, tmp_path, tool_env):
    languages = ["c", "c++"] if path.suffix == ".h" else ["c"]
    source = tmp_path / "alone.c"
    source.write_text(f'#include "{path}"\n')
    for language in languages:
        done = compile_as_msvc(compiler, language, source, "-fsyntax-only", tool_env=tool_env)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_gnu_extension_is_left(path, tool_env):
    done = compile_as_msvc("gcc", "c", path, "-E", "-P", tool_env=tool_env)
    assert (done.returncode, done.stderr) == (0, "")
    assert not GNU.findall(done.stdout)


def test_the_branch_for_gnu_would_be_found(tmp_path, tool_env):
    source = tmp_path / "gnu.h"
    source.write_text("static inline int f(unsigned x) { return __builtin_ctz(x); }\n")
    done = compile_as_msvc("gcc", "c", source, "-E", "-P", tool_env=tool_env)
    assert GNU.findall(done.stdout) == ["__builtin_ctz"]
