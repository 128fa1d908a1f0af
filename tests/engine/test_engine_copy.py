"""A copy of an engine goes on exactly as the engine does, and neither disturbs the other."""

import copy
import pickle

import numpy as np
import pytest
from engine_by_hand import COSTS, JOBS, make_jobs

from planesched import OUTCOME, Costs, Engine, Policy, Workload, presets
from planesched.simulation.engine import Guests
from planesched.workload import Calls, Exponential, Ipis, OnOff, Periodic, Poisson
from planesched.workload.numbered import Resolved

COPIES = [Engine.copy, copy.copy, copy.deepcopy]
LATER = make_jobs((6_000_000, 0, 50), (6_000_000, 1, 30), (6_000_001, 2, 9_000))
# Every kind of source, and costs that are drawn: all that an engine draws from is copied.
BUSY = Workload(
    [
        Poisson(0, Exponential("2 us"), rate="200 kHz", name="network"),
        Periodic(1, "1 us", period="30 us", jitter="5 us"),
        OnOff(2, "300 ns", rate="1 MHz", on="20 us", off="80 us"),
        Calls(0, "1 us", rate="50 kHz", to=1),
        Ipis(1, "500 ns", after="network", chance=0.3),
    ]
)


def make(name="vsm", userspace=None, vcpus=4, **changes):
    policy = Policy.preset(name, planes=3).replace(**changes)
    costs = Costs({"any": Exponential("100 ns")}, exit=Exponential("1 us"))
    resolved = Resolved(BUSY, policy, 3, costs, 7)
    guests = Guests(**resolved.guests(np.arange(5, dtype=np.uint32)))
    return Engine(policy, 3, vcpus, guests=guests, userspace=userspace, **resolved.engine())


def everything(engine):
    """All that can be read of an engine, as bytes."""
    arrays = [*engine.read(), engine.state, engine.time_ns()]
    rest = (engine.now_ns, engine.next_event_ns, engine.livelocks(), engine.planes, engine.policy)
    return [array.tobytes() for array in arrays], rest, engine.stats().as_dict()


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("name", sorted(presets()))
def test_a_copy_goes_on_exactly_as_the_original(copied, name):
    engine = make(name)
    engine.advance(1_000_000)
    other = copied(engine)
    before = everything(engine)
    assert everything(other) == before
    engine.feed(LATER)
    engine.advance(2_000_000)
    assert everything(other) == before != everything(engine)
    other.feed(LATER)
    other.advance(1_500_000)
    other.advance(2_000_000)
    assert everything(other) == everything(engine)
    del engine
    for one in (other, twin := other.copy()):
        one.restart()
        one.advance(7_000_000)
    assert everything(other) == everything(twin)


def test_vcpus_that_talk_begin_together():
    engine = make()
    engine.grow(5)
    engine.advance(1_000)
    engine = make()
    engine.advance(1_000)
    before = everything(engine)
    with pytest.raises(ValueError, match=r"vcpus=5, expected no more: .* at 1000 ns"):
        engine.grow(5)
    assert everything(engine) == before


def test_restore_goes_back_and_can_be_done_again():
    engine = make("vsm_relay")
    engine.advance(500_000)
    engine.restart()
    snapshot = engine.copy()
    engine.advance(900_000)
    later = everything(engine)
    for _ in range(2):
        engine.restore(snapshot)
        assert everything(engine) == everything(snapshot)
        engine.restore(engine)
        engine.advance(900_000)
        assert everything(engine) == later


def test_restore_takes_whatever_the_other_is():
    engine, snapshot = Engine("vsm", 2, start_ns=99), make("tdx")
    snapshot.advance(300_000)
    engine.restore(snapshot)
    assert (engine.planes, engine.start_ns, engine.policy) == (3, 0, snapshot.policy)
    for one in (engine, snapshot):
        one.advance(600_000)
    assert everything(engine) == everything(snapshot)
    with pytest.raises(TypeError):
        engine.restore(None)


def test_both_ask_the_userspace_scheduler():
    asked = []

    def lowest(state, now_ns, vcpu, reason):
        asked.append((now_ns, vcpu, int(reason)))
        if now_ns > 800_000:
            raise RuntimeError("enough")
        wanted = int(state["runnable"]) | int(state["irq"])
        return (wanted & -wanted).bit_length() - 1 if wanted else None

    engine = make(scheduler="user", userspace=lowest)
    engine.advance(400_000)
    other = engine.copy()
    asked.clear()
    engine.advance(700_000)
    first = asked.copy()
    asked.clear()
    other.advance(700_000)
    assert asked == first != []
    assert everything(other) == everything(engine)
    del engine
    with pytest.raises(RuntimeError, match="enough"):
        other.advance(900_000)


def test_a_copy_writes_to_no_log():
    engine = Engine("vsm", 3, costs=COSTS)
    log = np.zeros(100, dtype=OUTCOME)
    engine.feed(JOBS)
    engine.log_to(log)
    engine.advance(130)
    other = engine.copy()
    logged = log.tobytes()
    other.advance(400)
    assert (other.logged, log.tobytes()) == (0, logged)
    own = np.zeros(100, dtype=OUTCOME)
    other.restore(engine)
    other.log_to(own)
    already = engine.logged
    for one in (engine, other):
        one.advance(400)
    assert other.logged == engine.logged - already > 0
    assert own[: other.logged].tobytes() == log[already : engine.logged].tobytes()


def test_an_engine_is_not_pickled():
    with pytest.raises(TypeError, match=r"<Engine of 1 vCPU .* cannot be pickled: copy\(\)"):
        pickle.dumps(Engine("vsm"))
