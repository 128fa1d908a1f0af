"""What holds for every policy and input: nothing is lost, time adds up, chunks do not matter."""

import numpy as np
import pytest
from engine_by_hand import make_jobs
from hypothesis import given, settings
from hypothesis import strategies as st

from planesched import JOB, STATE, Engine, Policy, Reason, presets
from planesched.policy import ENUMS

PLANES = 4
UNTIL_NS = 3000
REASONS = [reason.name.lower() for reason in Reason if reason]

planes = st.integers(0, PLANES - 1)
masks = st.integers(0, (1 << PLANES) - 1)


@st.composite
def policies(draw):
    if draw(st.booleans()):
        policy = Policy.preset(draw(st.sampled_from(list(presets()))), PLANES)
        return policy.replace(scheduler=draw(st.sampled_from(["kernel", "user"])))
    fields = {name: draw(st.sampled_from(list(enum))) for name, enum in ENUMS.items()}
    for name in ("rearm", "refuse_pending", "vina_auto_reset"):
        fields[name] = draw(st.booleans())
    fields["accelerated"] = draw(st.sets(st.sampled_from(REASONS)))
    return Policy(marker=draw(planes), boot=draw(planes), **fields)


@st.composite
def engines(draw):
    """Settings for an engine."""
    policy = draw(policies())
    costs = st.dictionaries(st.sampled_from([*REASONS, "exit"]), st.integers(0, 40))
    initial = np.zeros((), dtype=STATE)
    initial["online"], initial["current"] = (1 << PLANES) - 1, policy.boot
    initial["runnable"] = 1 << policy.boot
    for name in ("masked", "noint", "vina", "locked"):
        initial[name] = draw(masks) if draw(st.booleans()) else 0
    return {
        "policy": policy,
        "planes": PLANES,
        "vcpus": 2,
        "costs": draw(costs),
        "route": draw(st.sampled_from(["own", "marker"])) if policy.hands_over else "own",
        "forward_ns": draw(st.integers(0, 30)),
        "main": draw(st.none() | planes),
        "busy": draw(st.sets(planes)),
        "initial": initial,
    }


rows = st.tuples(
    st.integers(0, 2000), planes, st.integers(0, 90), st.integers(0, 1), st.integers(0, 256)
)


def sorted_jobs(drawn):
    return make_jobs(*sorted(drawn, key=lambda row: (row[0], row[3], row[1], row[4])))


def outputs(engine):
    stats, jobs = engine.stats(), engine.jobs()
    arrays = [stats.figures, stats.buckets, jobs.totals, jobs.buckets, engine.state]
    return [array.tobytes() for array in [*arrays, engine.time_ns()]] + [engine.livelocks()]


@settings(max_examples=200)
@given(engines(), st.lists(rows, max_size=40))
def test_nothing_is_lost_and_time_adds_up(setting, drawn):
    jobs = sorted_jobs(drawn)
    engine = Engine(**setting)
    engine.feed(jobs)
    engine.advance(UNTIL_NS)
    stats, served, spent = engine.stats(), engine.jobs(), engine.time_ns()
    for kind in range(3):
        assert not stats.balance(kind).any()
    assert (spent >= 0).all()
    assert spent.sum(axis=1).tolist() == [UNTIL_NS] * 2
    by_spells = (stats.running_ns, stats.userspace_ns, stats.blocked_ns, stats.transition_ns)
    assert spent.sum(axis=0).tolist() == [sum(times) for times in by_spells]
    assert (served.arrived == np.bincount(jobs["plane"], minlength=PLANES)).all()
    assert (served.arrived == served.finished + served.queued).all()
    assert int(served.woken.sum()) == int((jobs["source"] == 256).sum())
    assert served.buckets.sum() == served.finished.sum()
    if not setting["busy"]:
        # Without a livelock a plane runs only to work.
        work = int(jobs["service_ns"].sum())
        forwards = int((jobs["plane"] != setting["policy"].marker).sum())
        work += forwards * setting["forward_ns"] * (setting["route"] == "marker")
        assert sum(stats.running_ns) <= work or engine.livelocks()


@settings(max_examples=100)
@given(engines(), st.lists(rows, max_size=40))
def test_what_no_interrupt_brought_is_served_alike_and_not_timed(setting, drawn):
    """The same jobs, brought by vectors and by none: all else is equal."""
    setting["policy"] = setting["policy"].replace(vina="off")
    found = []
    for source in (0, 256):
        jobs = sorted_jobs([(*row[:4], source) for row in drawn])
        engine = Engine(**setting)
        engine.feed(jobs)
        engine.advance(UNTIL_NS)
        found.append((engine, engine.read()))
    (brought, (_, _, asked, *_)), (woken, (_, totals, rows, latency, response, sojourn)) = found
    assert [int(found.sum()) for found in (rows["injected"], latency, response)] == [0, 0, 0]
    assert not any(each.count for each in woken.stats().latency)
    for name in ("arrived", "finished", "queued", "sojourn_ns"):
        assert (rows[name] == asked[name]).all()
    assert totals["woken"].sum() == len(drawn)
    assert sojourn.sum() == rows["finished"].sum()
    assert woken.stats().injected.tolist() == brought.stats().injected.tolist()
    assert int(asked["injected"].sum()) == int(brought.stats().injected.sum())
    assert (woken.state == brought.state).all()


@settings(max_examples=80)
@given(
    engines(),
    st.lists(rows, max_size=30),
    st.lists(st.integers(0, UNTIL_NS), max_size=6),
)
def test_chunks_do_not_matter(setting, drawn, cuts):
    jobs = sorted_jobs(drawn)
    whole = Engine(**setting)
    whole.feed(jobs)
    whole.advance(UNTIL_NS)
    pieces = Engine(**setting | {"vcpus": 1})
    begin = 0
    for cut in sorted(cuts):
        end = int(np.searchsorted(jobs["time_ns"], cut))
        pieces.grow(2)
        pieces.feed(jobs[begin:end])
        pieces.advance(max(cut - 1, 0))
        pieces.stats()
        begin = end
    pieces.grow(2)
    pieces.feed(jobs[begin:])
    pieces.advance(UNTIL_NS)
    assert outputs(pieces) == outputs(whole)


@settings(max_examples=50)
@given(engines(), st.lists(rows, max_size=30))
def test_stepping_from_event_to_event_changes_nothing(setting, drawn):
    jobs = sorted_jobs(drawn)
    whole, steps = Engine(**setting), Engine(**setting)
    for engine in (whole, steps):
        engine.feed(jobs)
    whole.advance(UNTIL_NS)
    while (following := steps.next_event_ns) is not None and following <= UNTIL_NS:
        assert following >= steps.now_ns
        steps.advance(following)
    steps.advance(UNTIL_NS)
    assert outputs(steps) == outputs(whole)


def test_vcpus_that_do_not_talk_are_as_if_alone():
    rng = np.random.default_rng(1)
    jobs = np.zeros(3000, dtype=JOB)
    jobs["time_ns"] = np.sort(rng.integers(0, 1 << 20, len(jobs)))
    for name, high in (("vcpu", 5), ("plane", 3), ("service_ns", 1500)):
        jobs[name] = rng.integers(0, high, len(jobs))
    jobs = jobs[np.lexsort((jobs["source"], jobs["plane"], jobs["vcpu"], jobs["time_ns"]))]
    together = Engine("vsm_relay", 3, 5, costs={"relay": 50, "return": 70})
    together.feed(jobs)
    together.advance(1 << 21)
    merged_stats, merged_jobs = None, None
    for vcpu in range(5):
        alone = Engine("vsm_relay", 3, costs={"relay": 50, "return": 70})
        mine = jobs[jobs["vcpu"] == vcpu].copy()
        mine["vcpu"] = 0
        alone.feed(mine)
        alone.advance(1 << 21)
        assert alone.time_ns().tolist() == [together.time_ns()[vcpu].tolist()]
        merged_stats = merged_stats.merge(alone.stats()) if merged_stats else alone.stats()
        merged_jobs = merged_jobs.merge(alone.jobs()) if merged_jobs else alone.jobs()
    assert merged_stats.as_dict() == together.stats().as_dict()
    assert merged_jobs.as_dict() == together.jobs().as_dict()
    assert merged_jobs.finished.sum() == 3000


@pytest.mark.parametrize("name", presets())
def test_the_figures_can_be_read_on_the_way(name):
    engine = Engine(name, 3, costs={"interrupt": 9, "exit": 20})
    engine.feed(make_jobs((10, 2, 300), (50, 1, 100), (60, 0, 100)))
    for until_ns in range(0, 1000, 7):
        engine.advance(until_ns)
        assert engine.time_ns().sum() == until_ns
        assert (engine.jobs().arrived == engine.jobs().finished + engine.jobs().queued).all()
        assert not engine.stats().balance().any()
