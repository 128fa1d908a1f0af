"""What adds up is the same whether each vCPU is looked at, as a whole reading does, or not."""

import numpy as np
import pytest
from engine_by_hand import make_jobs

from planesched import Costs, Engine, Policy, Workload
from planesched.simulation.engine import Guests
from planesched.workload import Exponential, Ipis, Poisson
from planesched.workload.numbered import Resolved

# How things stand, which `sums` leaves out.
PRESENT = {"pending", "age_ns", "queued", "oldest_ns", "starved_ns"}
TURNS = Policy(
    rank="siblings", marker=0, preempt="marker", call="handover", boot=0, algorithm="round_robin"
)
VSM = Policy.preset("vsm", planes=3)
POISSON = [Poisson(plane, Exponential("3 us"), rate="60 kHz", name=f"s{plane}") for plane in (0, 2)]


def make(sources=POISSON, costs=None, policy=VSM):
    resolved = Resolved(Workload(sources), policy, 3, Costs.of(costs), 7)
    guests = Guests(**resolved.guests(np.arange(6, dtype=np.uint32)))
    return Engine(policy, 3, 5, guests=guests, **resolved.engine())


ENGINES = {
    "plain": make,
    "costly": lambda: make(costs={"any": "20 us"}),
    # Its algorithm has memory, so no vCPU's state is looked up.
    "turns": lambda: make(policy=TURNS),
    "ipis": lambda: make([*POISSON, Ipis(1, "1 us", after="s0", chance=0.5)], {"any": "20 us"}),
}


def assert_sums_are_right(engine, into):
    whole = engine.read()
    sums = engine.read(into, sums=True)
    for one, other in zip(whole[:3], sums[:3], strict=True):
        for name in one.dtype.names:
            assert name in PRESENT or one[name].tobytes() == other[name].tobytes(), name
    for one, other in zip(whole[3:], sums[3:], strict=True):
        assert one.tobytes() == other.tobytes()
    return sums


@pytest.mark.parametrize("name", ENGINES)
def test_sums_are_those_of_a_whole_reading(name):
    engine = ENGINES[name]()
    into = assert_sums_are_right(engine, None)
    for step in range(1, 6):
        engine.advance(step * 333_333)
        into = assert_sums_are_right(engine, into)
        if step == 2:
            engine.feed(make_jobs(*((700_000 + 9_000 * i, i % 2, 5_000) for i in range(80))))
        if step == 3:
            engine.restart()  # the arrays hold more than there is now
            if name != "ipis":
                engine.grow(6)
            into = assert_sums_are_right(engine, into)
    assert into[2]["arrived"].sum() > 100
