"""Every example of the docs does what its README says, with the installed wheel, elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[2]
# With packages of the extra `integration`.
WITH_OTHERS = {"numba", "scipy", "userspace"}
# Built and run by `make kernel-qemu` and `make rust`.
BY_MAKE = {"kernel", "rust"}
EXAMPLES = sorted(path.parent for path in (ROOT / "docs" / "examples").glob("*/README.md"))


def block(readme: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert found, f"there is no block of {language}"
    return found[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory, sdist):
    """An unpacked source distribution."""
    folder = tmp_path_factory.mktemp("source")
    shutil.unpack_archive(sdist, folder, filter="data")
    return next(folder.iterdir())


@pytest.fixture
def shell(python, source, tool_env, tmp_path):
    """Run commands in a folder that holds no checkout, with the wheel's environment in front.

    Behind it comes the folder of the one that runs the tests, where cmake may be. $PLANESCHED is a
    source tree. Nothing asks how fast what is compiled runs: at -O1 it compiles in half the time.
    """

    def shell(commands: str) -> str:
        folders = [str(python.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=tool_env
            | {"PATH": os.pathsep.join(folders), "PLANESCHED": str(source), "CFLAGS": "-O1"},
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        logs = "".join(path.read_text() for path in tmp_path.rglob("build.log"))
        assert done.returncode == 0, logs + done.stdout + done.stderr
        return done.stdout

    return shell


def test_there_are_examples_and_the_index_names_each():
    index = (ROOT / "docs" / "how-to" / "embed.md").read_text()
    linked = set(re.findall(r"\(\.\./examples/(\w+)/README\.md\)", index))
    assert {path.name for path in (ROOT / "docs" / "examples").iterdir()} == linked
    assert linked == {path.name for path in EXAMPLES}


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(path, marks=pytest.mark.integration if path.name in WITH_OTHERS else ())
        for path in EXAMPLES
        if path.name not in BY_MAKE
    ],
    ids=lambda path: path.name,
)
def test_example(example, shell, tmp_path):
    shutil.copytree(example, tmp_path, dirs_exist_ok=True)
    readme = (example / "README.md").read_text()
    assert shell(block(readme, "sh")) == block(readme, "text")


def test_a_build_may_ask_for_a_version(shell, tmp_path):
    """CMake and pkg-config find the wheel, and do not take it for another minor version."""
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(user C)\n"
        "find_package(planesched ${WANTED} CONFIG)\n"
        'message(STATUS "found=${planesched_FOUND} ${planesched_VERSION}")\n'
    )
    said = shell(
        "folder=$(python -m planesched --cmake-dir)\n"
        "export PKG_CONFIG_PATH=$(python -m planesched --pkg-config-dir)\n"
        "for wanted in 0.0 0.1 0.2 1; do\n"
        "cmake -S . -B b$wanted -DWANTED=$wanted -Dplanesched_DIR=$folder 2> build.log"
        "  | grep found=\n"
        "pkg-config --exists 'planesched >= '$wanted && echo newer || echo older\n"
        "done\n"
    )
    assert said.splitlines() == [
        *("-- found=0 ", "newer"),
        *("-- found=1 0.1.dev0", "newer"),
        *("-- found=0 ", "older"),
        *("-- found=0 ", "older"),
    ]


def test_another_abi_is_refused_on_import(python, shell, run, tmp_path):
    """What was compiled with the headers of another version says so instead of going wrong."""
    shutil.copytree(ROOT / "docs" / "examples" / "cython", tmp_path, dirs_exist_ok=True)
    shutil.copytree(ROOT / "planesched" / "include", tmp_path / "include")
    state = tmp_path / "include" / "planesched" / "state.h"
    text, n = re.subn(r"(#define PS_ABI_VERSION) \d+", r"\1 999", state.read_text())
    assert n == 1
    state.write_text(text)
    setup = tmp_path / "setup.py"
    setup.write_text(setup.read_text().replace("planesched.get_include()", "'include'"))
    said = shell(
        "python setup.py -q build_ext --inplace > build.log\n"
        "python -c 'import consumer' 2>&1 | tail -n 1 || true"
    )
    assert said.startswith("ImportError: compiled for PS_ABI_VERSION 999, but planesched ")


def test_the_library_is_installed_without_python(shell, tmp_path):
    """`make install` puts library, headers and both package files where they find each other."""
    prefix = tmp_path / "prefix"
    (tmp_path / "main.c").write_text(
        "#include <planesched/engine.h>\nint main(void) { ps_engine_destroy(NULL); return 0; }\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(user C)\n"
        "find_package(planesched CONFIG REQUIRED)\nadd_executable(user main.c)\n"
        "target_link_libraries(user PRIVATE planesched::static)\n"
    )
    shell(
        f"make -s -C $PLANESCHED PYTHON=no-python install PREFIX={prefix}\n"
        f"cmake -S . -B b -DCMAKE_PREFIX_PATH={prefix} > build.log\n"
        "cmake --build b >> build.log && ./b/user\n"
    )
    headers = {path.name for path in (ROOT / "planesched/include/planesched").iterdir()}
    installed = {path.name for path in (prefix / "include" / "planesched").iterdir()}
    assert installed == headers
    every = "\n".join(f"#include <planesched/{name}>" for name in sorted(installed))
    (tmp_path / "every.c").write_text(every + "\n")
    shell(f"cc -std=c11 -I{prefix}/include -c -o every.o every.c")
