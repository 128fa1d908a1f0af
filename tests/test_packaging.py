"""The sdist builds without git, the wheel holds what it should, and others can build on it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from sysconfig import get_config_var

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[1]
CONSUMERS = ROOT / "tests" / "consumers"
NOT_SOURCE = shutil.ignore_patterns(
    *(".git", ".venv*", ".*_cache", "build", "dist", "*.egg-info"),
    *("*.so", "__pycache__", "_version.py"),
)


@pytest.fixture(scope="module")
def run(tool_env):
    """Run a command; if it fails, show all it said."""

    def run(*command, cwd: Path) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd, env=tool_env, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="module")
def sdist(tmp_path_factory, run):
    """A source distribution, made in a copy of the tree that knows no git."""
    copy = tmp_path_factory.mktemp("copy") / "planesched"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCE)
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "setup.py", "-q", "sdist", "-d", out, cwd=copy)
    return next(out.glob("planesched-*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, sdist, run):
    """The wheel of that sdist. What the build needs is in the `test` extra: nothing is fetched."""
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    run(*pip, "-w", out, sdist, cwd=out)
    return next(out.glob("planesched-*.whl"))


@pytest.fixture(scope="module")
def python(tmp_path_factory, wheel, run):
    """The interpreter of a new environment, elsewhere, with the wheel in it.

    It borrows the packages beside which the tests run. A path in a .pth is searched after the
    environment's own, and its .pth files (an editable planesched) do not count.
    """
    venv = tmp_path_factory.mktemp("elsewhere") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv.parent)
    python = venv / "bin" / "python"
    site = Path(run(python, "-c", "import site; print(*site.getsitepackages())", cwd=venv).strip())
    borrowed = {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    site.joinpath("borrowed.pth").write_text("\n".join(sorted(borrowed)))
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps"]
    run(*install, "--no-index", wheel, cwd=venv)
    return python


def test_wheel_holds_exactly_what_it_should(wheel):
    package = ROOT / "planesched"
    expected = {"planesched/_version.py"}
    for path in package.rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in {".py", ".pyi", ".pxd", ".h"} or path.name == "py.typed":
            expected.add(name)
        elif path.suffix == ".pyx":
            expected.add(name.removesuffix(".pyx") + get_config_var("EXT_SUFFIX"))
        elif path.is_file() and package / "data" in path.parents and "__pycache__" not in name:
            expected.add(name)
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert {name for name in held if ".dist-info/" not in name} == expected
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in held)


def test_version_without_git(sdist):
    assert sdist.name == "planesched-0.1.dev0.tar.gz"


def test_installed_wheel_runs(python, run, tmp_path):
    code = (
        "import planesched; print(planesched.__file__);"
        "vcpu = planesched.VM(planes=2, vcpus=1, policy='vsm').vcpus[0];"
        "print(vcpu.step('irq', 1).now, planesched.__version__)"
    )
    origin, outcome = run(python, "-c", code, cwd=tmp_path).splitlines()
    assert Path(origin).is_relative_to(python.parents[1])
    assert outcome == "1 0.1.dev0"
    script = python.with_name("planesched")
    assert "kvm_planes" in run(script, "policies", cwd=tmp_path)


@pytest.mark.parametrize("language", ["c", "c++"])
def test_c_consumer(language, python, run, tmp_path):
    include = run(python, "-c", "import planesched; print(planesched.get_include())", cwd=tmp_path)
    flags = ["-x", language, "-std=c11" if language == "c" else "-std=c++17", "-O2", "-Wall"]
    source = CONSUMERS / "c" / "main.c"
    run("gcc", *flags, "-Werror", f"-I{include.strip()}", source, "-o", "main", cwd=tmp_path)
    assert run(tmp_path / "main", cwd=tmp_path) == "irq 1: plane 0 -> 1\nreturn: plane 1 -> 0\n"


def test_cython_consumer(python, run, tmp_path):
    consumer = tmp_path / "cython"
    shutil.copytree(CONSUMERS / "cython", consumer)
    run(python, "setup.py", "-q", "build_ext", "--inplace", cwd=consumer)
    code = "import consumer; print(*consumer.script())"
    assert run(python, "-c", code, cwd=consumer) == "1 0 1 0 1\n"
