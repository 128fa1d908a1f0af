"""What all tests share: fixed random seeds, the tools that tests start, and one installed wheel."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

# A shell that starts this in the background has SIGINT ignored, and the tests of Ctrl-C would hang.
signal.signal(signal.SIGINT, signal.default_int_handler)

NOT_SOURCE = shutil.ignore_patterns(
    *(".git", ".venv*", ".*_cache", "build", "dist", "*.egg-info"),
    *("*.so", "__pycache__", "_version.py", "planeschedConfigVersion.cmake", "planesched.pc"),
)


def pytest_report_header() -> str:
    import planesched

    return f"planesched {planesched.__version__} from {Path(planesched.__file__).parent}"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items) -> None:
    """Keep the tests of the wheel together: with ``-n 2`` it is still built once."""
    for item in items:
        if item.get_closest_marker("wheel"):
            item.add_marker(pytest.mark.xdist_group("wheel"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def tool_env() -> dict[str, str]:
    """An environment for compilers and pip, which are not to run under a debug build's ASan."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    for key in ("LD_PRELOAD", "PLANESCHED_DEBUG"):
        env.pop(key, None)
    return env


@pytest.fixture(scope="session")
def run(tool_env):
    """Run a command; if it fails, show all it said."""

    def run(*command, cwd: Path, **env: str) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd, env=tool_env | env, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture
def scenario(tmp_path):
    """A function that writes a scenario file, and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "test.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def sdist(tmp_path_factory, root, run):
    """A source distribution, made in a copy of the tree that knows no git."""
    copy = tmp_path_factory.mktemp("copy") / "planesched"
    shutil.copytree(root, copy, ignore=NOT_SOURCE)
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "setup.py", "-q", "sdist", "-d", out, cwd=copy)
    return next(out.glob("planesched-*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory, sdist, run):
    """The wheel of that sdist, as a distribution's packager makes it, with flags of their own.

    What the build needs is in the `test` extra: nothing is fetched.
    """
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    run(*pip, "-w", out, sdist, cwd=out, CFLAGS="-O2 -pipe")
    return next(out.glob("planesched-*.whl"))


@pytest.fixture(scope="session")
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
