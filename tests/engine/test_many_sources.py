"""Of many sources a tree says who is next, of few a look at each: both give the same figures."""

import numpy as np
import pytest

from planesched import Costs, Engine, Policy, Workload, simulate
from planesched.simulation.engine import Guests
from planesched.workload import Exponential, OnOff, Periodic, Poisson, Times
from planesched.workload.numbered import Resolved

FEW = 14


def source(number):
    """Several that tick at the same times, some that are drawn, one that ends."""
    plane, name = number * 5 % 3, f"s{number}"
    if number % 4 == 0:
        return Periodic(plane, Exponential("2 us"), period="50 us", name=name)
    if number % 4 == 1:
        return Periodic(plane, "1 us", period="100 us", jitter="90 us", name=name)
    if number == 2:
        return Times(plane, "3 us", times=["0 us", "50 us", "50 us", "100 us"], name=name)
    if number % 8 == 3:
        return OnOff(plane, "2 us", rate="20 kHz", on="200 us", off="300 us", name=name)
    return Poisson(plane, Exponential("2 us"), rate="5 kHz", name=name, vcpus=[0, 2])


def never(number):
    return Times(number % 3, "1 us", times=["10 s"], name=f"never{number}")


@pytest.mark.parametrize("more", [7, 18, 19, 52])
@pytest.mark.parametrize("given", [{}, {"costs": {"any": "300 ns"}}], ids=["plain", "costly"])
def test_many_sources_of_which_few_bring_anything_are_as_those_few(more, given):
    policy = Policy(direction="highest_first", call="next", ret="resume")
    sources = [source(number) for number in range(FEW)]
    rest = [never(number) for number in range(more)]
    few, many = (
        simulate(policy, 3, 3, Workload(each), duration="10 ms", seed=5, threads=1, **given)
        for each in (sources, sources + rest)
    )
    assert many.figures.tobytes() == few.figures.tobytes()
    assert many.totals.tobytes() == few.totals.tobytes()
    assert many.time_ns.tolist() == few.time_ns.tolist()
    at = [many.sources.index(name) for name in few.sources]
    assert many.rows[at].tobytes() == few.rows[:FEW].tobytes()
    assert few.jobs.finished.sum() > 2_500


@pytest.mark.parametrize("count", [FEW, 21, 40])
def test_what_is_copied_grown_and_restored_goes_on_as_the_original(count):
    workload = Workload([source(number) for number in range(count)])
    policy = Policy.preset("vsm", planes=3)
    resolved = Resolved(workload, policy, 3, Costs({"any": "100 ns"}), 7)
    guests = Guests(**resolved.guests(np.arange(4, dtype=np.uint32)))
    engine, whole = (
        Engine(policy, 3, vcpus, guests=guests, **resolved.engine()) for vcpus in (2, 4)
    )
    engine.advance(1_000_000)
    engine.grow(4)
    early = engine.copy()
    for each in (engine, early, whole):
        each.advance(3_000_000)
    engine.advance(4_000_000)
    engine.restore(early)
    for each in (engine, early, whole):
        each.advance(9_000_000)
    wanted = [array.tobytes() for array in whole.read()]
    assert [array.tobytes() for array in engine.read()] == wanted
    assert [array.tobytes() for array in early.read()] == wanted
