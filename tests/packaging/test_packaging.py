"""The sdist builds without git, and the wheel holds what it should and runs."""

import platform
import shutil
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from sysconfig import get_config_var

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[2]
# Where planes on a real KVM are built.
LIVES = (sys.platform, platform.machine()) == ("linux", "x86_64")


def test_wheel_holds_exactly_what_it_should(wheel):
    package = ROOT / "planesched"
    expected = {"planesched/_version.py"}
    for path in package.rglob("*"):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in {".py", ".pyi", ".pxd", ".h", ".css", ".js"} or path.name == "py.typed":
            expected.add(name)
        elif path.suffix == ".pyx" and (path.parent.name != "live" or LIVES):
            expected.add(name.removesuffix(".pyx") + get_config_var("EXT_SUFFIX"))
        elif path.suffix == ".in":
            expected.add(name.removesuffix(".in"))
        elif path.name == "planeschedConfig.cmake" or (
            path.is_file() and package / "data" in path.parents and "__pycache__" not in name
        ):
            expected.add(name)
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert {name for name in held if ".dist-info/" not in name} == expected
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in held)


def test_no_asserts_in_a_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        modules = {n: archive.read(n) for n in archive.namelist() if n.endswith(".so")}
    assert "planesched/core" + get_config_var("EXT_SUFFIX") in modules
    assert [name for name, code in modules.items() if b"__assert" in code] == []


def test_a_wheel_is_small(wheel):
    assert wheel.stat().st_size < 2_000_000


def test_sdist_holds_all_that_is_compiled(sdist):
    """The wheel's build need not compile what the checkout's has, and would not miss all of it."""
    kinds = {".c", ".h", ".pxd", ".pxi", ".py", ".pyx"}
    files = [path for room in ("csrc", "planesched") for path in (ROOT / room).rglob("*")]
    expected = {path.relative_to(ROOT).as_posix() for path in files if path.suffix in kinds}
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert "csrc/core/run.c" in expected
    assert expected - held == set()


def test_version_without_git(sdist):
    assert sdist.name == "planesched-0.1.dev0.tar.gz"


def test_installed_wheel_runs(python, run, tmp_path):
    code = (
        "import planesched; print(planesched.__file__);"
        "vcpu = planesched.VM('vsm', planes=2, vcpus=1).vcpus[0];"
        "print(vcpu.step('irq', 1).now, planesched.__version__)"
    )
    origin, outcome = run(python, "-c", code, cwd=tmp_path).splitlines()
    assert Path(origin).is_relative_to(python.parents[1])
    assert outcome == "1 0.1.dev0"
    script = python.with_name("planesched")
    assert "kvm_planes" in run(script, "policies", cwd=tmp_path)
    assert "next_online" in run(script, "explain", "ret", cwd=tmp_path)


def test_what_tests_each_wheel_finds_all_it_needs(python, run, tmp_path):
    """The files and the command that pyproject.toml gives cibuildwheel, as that uses them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    for name in config["test-sources"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    commands = config["test-command"].split(" && ")
    assert [command.split()[0] for command in commands] == ["python", "python"]
    tested, shown = (run(python, *command.split()[1:], cwd=tmp_path) for command in commands)
    assert " passed" in tested
    assert "relay" in shown
