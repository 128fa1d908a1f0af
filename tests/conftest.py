"""What all tests share: fixed random seeds, the tools that tests start, and one installed wheel."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return a directory that `make` has filled, once for all processes of pytest-xdist.

    Groups of pytest-xdist are not enough: pytest 9.2 with pytest-xdist 3.8 ignores them
    (pytest-dev/pytest-xdist#1386).
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        place, done = base / name, base / f"{name}.done"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                make(place)
                done.touch()
        return place

    return made_once


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
def sdist(made_once, root, run):
    """A source distribution, made in a copy of the tree that knows no git."""

    def make(to: Path) -> None:
        copy = to / "planesched"
        shutil.copytree(root, copy, ignore=NOT_SOURCE)
        run(sys.executable, "setup.py", "-q", "sdist", "-d", to, cwd=copy)

    return next(made_once("sdist", make).glob("planesched-*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(made_once, sdist, root, run):
    """The wheel of that sdist. What the build needs is in the `test` extra: nothing is fetched.

    What the checkout's build has compiled comes along: setup.py takes what is the same file by
    file, as after any build, and compiles the rest. What flags each file gets, a packager's among
    them, is what test_build.py looks at.
    """

    def make(to: Path) -> None:
        shutil.unpack_archive(sdist, to, filter="data")
        [source] = to.glob("planesched-*/")
        made = Path("build", sysconfig.get_config_var("SOABI"))
        if (root / made).is_dir():
            # Of others that build at this moment.
            unfinished = shutil.ignore_patterns("*.[0-9]*.[cod]")
            shutil.copytree(root / made, source / made, ignore=unfinished)
        pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index"]
        run(*pip, "--no-build-isolation", "-w", to, source, cwd=to)

    return next(made_once("wheel", make).glob("planesched-*.whl"))


@pytest.fixture(scope="session")
def python(made_once, wheel, run):
    """The interpreter of a new environment, elsewhere, with the wheel in it.

    It borrows the packages beside which the tests run. A path in a .pth is searched after the
    environment's own, and its .pth files (an editable planesched) do not count.
    """

    def make(venv: Path) -> None:
        run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv.parent)
        python = venv / "bin" / "python"
        site = run(python, "-c", "import site; print(*site.getsitepackages())", cwd=venv)
        borrowed = {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
        Path(site.strip(), "borrowed.pth").write_text("\n".join(sorted(borrowed)))
        install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps"]
        run(*install, "--no-index", wheel, cwd=venv)

    return made_once("elsewhere", make) / "bin" / "python"
