"""The core called by another package's Cython module."""

import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from Cython.Build import cythonize
from mixes import closed_loop
from setuptools import Extension
from setuptools.dist import Distribution
from test_step import N, repeated

import planesched
from planesched import VM, core


@pytest.fixture(scope="module")
def across(tmp_path_factory, monkeypatch_module):
    """The compiled module; it sees an installed planesched's headers and .pxd, and no more."""
    folder = tmp_path_factory.mktemp("across")
    shutil.copy(Path(__file__).parent / "peers" / "across.pyx", folder)
    flags = {"include_dirs": [planesched.get_include()], "extra_compile_args": ["-O3"]}
    monkeypatch_module.chdir(folder)
    package = Path(planesched.__file__).parents[1]
    modules = cythonize([Extension("across", ["across.pyx"], **flags)], include_path=[str(package)])
    command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    command.inplace = True
    command.ensure_finalized()
    command.run()
    spec = spec_from_file_location("across", next(folder.glob("across*.so")))
    module = sys.modules["across"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("way", ["inlined", "method"])
@pytest.mark.parametrize("mix", ["unpredictable", "predictable"])
def test_step_from_cython(benchmark, per, across, mix, way):
    events = closed_loop("vsm", 4, 1, N) if mix == "unpredictable" else repeated(N)
    expected = VM("vsm", planes=4, vcpus=1).run(events).switches

    def run():
        return getattr(across, way)(VM("vsm", planes=4, vcpus=1), events)

    switches = benchmark.pedantic(run, rounds=9)
    per(N)
    assert switches == expected


def test_call_across_modules(benchmark, per, across):
    n = 1_000_000
    assert benchmark.pedantic(lambda: across.calls(n), rounds=9) == n * core.ABI_VERSION
    per(n, "call")
