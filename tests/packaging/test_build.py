"""What is compiled when: setup.py with a compiler that writes down what it is asked for."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import NOT_SOURCE

pytestmark = pytest.mark.wheel

# Notes each source, and lists its headers as gcc does; objects and modules stay empty.
COMPILER = """#!/bin/sh
set -e
for word; do
    case $last in -o) target=$word ;; -c) source=$word ;; -MF) depfile=$word ;; esac
    last=$word
done
: > "$target"
[ -z "$source" ] && exit
echo "$source" "$@" >> compiled
gcc -E "$@" 2> "$target.err" > /dev/null || { cat "$target.err" >&2; exit 1; }
"""
# Python's own -DNDEBUG is gone as soon as there are any.
PACKAGERS = "-O2 -pipe"
QUOTED = re.compile(r'^#\s*include\s+[<"]([^">]+)[">]', re.MULTILINE)


@pytest.fixture(scope="module")
def tree(tmp_path_factory, root):
    copy = tmp_path_factory.mktemp("built") / "planesched"
    shutil.copytree(root, copy, ignore=NOT_SOURCE)
    copy.joinpath("cc").write_text(COMPILER)
    copy.joinpath("cc").chmod(0o755)
    return copy


@pytest.fixture(scope="module")
def build(tree, run):
    """Build in the tree, and give the command that each file was compiled with, by source."""

    def build() -> dict[str, list[str]]:
        log = tree / "compiled"
        log.write_text("")
        command = [sys.executable, "setup.py", "-q", "build_ext"]
        run(*command, cwd=tree, CC=str(tree / "cc"), CFLAGS=PACKAGERS)
        found = [line.split() for line in log.read_text().splitlines()]
        sources = [source for source, *_ in found]
        assert len(set(sources)) == len(sources), "a file was compiled twice"
        # Cython's are named by the module that they are of.
        return {re.sub(r"^build/[^/]+/", "", source): words for source, *words in found}

    build.first = build()
    return build


def reaches(path: Path, header: str, tree: Path, seen: set[Path]) -> bool:
    """Whether a file of ours includes a header, by way of whichever others."""
    if path in seen:
        return False
    seen.add(path)
    for name in QUOTED.findall(path.read_text()):
        for folder in (path.parent, tree / "csrc", tree / "planesched/include"):
            found = folder / name
            if found.is_file() and (found == tree / header or reaches(found, header, tree, seen)):
                return True
    return False


def modules(tree: Path) -> set[str]:
    return {path.relative_to(tree).with_suffix(".c").as_posix() for path in tree.rglob("*.pyx")}


def test_every_file_is_compiled_once(build, tree):
    sources = {path.relative_to(tree).as_posix() for path in tree.glob("csrc/**/*.c")}
    sources = {name for name in sources if not name.startswith("csrc/tests/")}
    packaged = {name for name in modules(tree) if name.startswith("planesched/")}
    assert set(build.first) == sources | packaged


# Modules whose calls pass on to loops of csrc/; setup.py says what each level takes and gives.
PASSING = {"checking/search", "live/machine", "traces/decoder"}


def level_of(source: str) -> str:
    if source.startswith("csrc/"):
        return "-O3"
    return "-O1" if source.removeprefix("planesched/").removesuffix(".c") in PASSING else "-O2"


def test_what_is_hot_is_at_o3_and_nothing_carries_symbols_or_asserts(build):
    """Whatever CFLAGS say."""
    assert {f"planesched/{name}.c" for name in PASSING} <= set(build.first)
    for source, words in build.first.items():
        assert set(PACKAGERS.split()) <= set(words)
        level = [word for word in words if re.fullmatch("-O.", word)][-1]
        assert level == level_of(source), source
        assert [word for word in words if word.startswith("-g")][-1] == "-g0", source
        assert [word for word in words if word.endswith("NDEBUG")][-1] == "-DNDEBUG", source


def test_what_is_there_is_not_made_again(build):
    assert build() == {}


def test_what_changed_is_made_again_and_nothing_else(build, tree):
    """A header, what all modules share, one module, and an object that is gone, in one go."""
    header = "csrc/core/ledger.h"
    with tree.joinpath(header).open("a") as file:
        file.write("\n")
    with tree.joinpath("planesched/csched.pxd").open("a") as file:
        file.write("\n# What Cython makes of it is the same.\n")
    with tree.joinpath("planesched/capi.pyx").open("a") as file:
        file.write("\nMORE = 1\n")
    made = next(tree.glob("build/cpython-*"))
    made.joinpath("csrc/checker/world.o").unlink()
    including = {
        source
        for source in build.first
        if reaches((tree if source.startswith("csrc/") else made) / source, header, tree, set())
    }
    assert "csrc/core/ledger.c" in including
    assert "planesched/core.c" in including
    assert set(build()) == including | {"planesched/capi.c", "csrc/checker/world.c"}
    assert "csrc/checker/world.c" not in including
