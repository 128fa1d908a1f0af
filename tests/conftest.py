"""What all tests share: fixed random seeds, and an environment for the tools that tests start."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_report_header() -> str:
    import planesched

    return f"planesched {planesched.__version__} from {Path(planesched.__file__).parent}"


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
