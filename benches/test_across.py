"""The core called by another package's Cython module."""

import shutil
import statistics
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from timeit import Timer

import pytest
from Cython.Build import cythonize
from mixes import closed_loop, repeated
from setuptools import Extension
from setuptools.dist import Distribution
from test_step import N

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


@pytest.mark.parametrize("call", ["step('irq', 1)", "step('return')", "irq(1)"])
def test_call_from_python(benchmark, across, call):
    """A step beside an empty method of a cdef class, with the same arguments and with none."""
    vcpu, n = VM("vsm", planes=4, vcpus=1).vcpus[0], 1_000
    names = {"vcpu": vcpu, "empty": across.Empty()}

    def timer(code):
        return Timer("\n".join([code] * 10), globals=names, timer=time.thread_time)

    arguments = call[call.index("(") :]
    others = [timer(f"empty.step{arguments}"), timer("empty.nothing()")]
    ours, took = timer(f"vcpu.{call}"), []
    vcpu.irq(1)

    def round_():
        took.append([each.timeit(n) for each in (ours, *others)])

    benchmark.pedantic(round_, rounds=31)
    for place, name in enumerate(("with the same arguments", "without arguments"), 1):
        ratio = statistics.median(times[0] / times[place] for times in took)
        benchmark.extra_info[f"of an empty method {name}"] = round(ratio, 2)
    benchmark.extra_info["ns a call"] = round(min(times[0] for times in took) / n / 10 * 1e9, 1)
    assert vcpu.current == (0 if "return" in call else 1)
