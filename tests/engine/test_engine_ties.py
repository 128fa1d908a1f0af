"""What comes first at equal times, busy planes, livelocks and the end of the clock."""

import pytest
from engine_by_hand import latencies, make_jobs, run, sojourns

from planesched import Engine, Policy


def test_a_job_ends_before_another_arrives_at_the_same_time():
    engine, lines = run("vsm", make_jobs((100, 1, 20), (120, 1, 10)), costs={})
    assert lines == [(0, "blocked", 0), (100, "run", 1), (130, "blocked", 0)]
    # At 120 plane 1 returned before its next interrupt came.
    assert engine.stats().entries_by_reason == {"interrupt": 2, "return": 2}


def test_a_switch_ends_before_a_job_arrives_at_the_same_time():
    # The return to plane 0 ends at 122. Plane 0 is blocked then, and plane 1 is entered again.
    engine, lines = run("vsm", make_jobs((97, 1, 20), (122, 1, 10)))
    assert lines[1:] == [
        (97, "switch", 1),
        (100, "run", 1),
        (120, "switch", 0),
        (122, "switch", 1),
        (125, "run", 1),
        (135, "switch", 0),
        (137, "blocked", 0),
    ]
    assert latencies(engine, 1) == (2, 0, 0)


@pytest.mark.parametrize(("services", "returns"), [((0, 0, 0), 3), ((0, 5, 0), 2)])
def test_at_equal_times_planes_come_in_order(services, returns):
    jobs = make_jobs(*((100, plane, service) for plane, service in enumerate(services)))
    engine, _ = run("vsm", jobs, costs={})
    # 0 ends at once and halts. 1 preempts; if that is not done at once, 2 preempts it. If it is,
    # 2 preempts 0, and goes back to 0 by way of 1 (next_online).
    assert [sojourns(engine, plane)[1] for plane in range(3)] == [0, services[1], 0]
    assert engine.stats().entries_by_reason == {"interrupt": 2, "return": returns}


def test_a_busy_plane_computes_whenever_it_runs():
    engine, lines = run("kvm_planes", make_jobs((100, 0, 10)), busy=[1])
    assert lines == [(0, "switch", 1), (5, "run", 1), (100, "switch", 0), (103, "run", 0),
                     (113, "switch", 1), (118, "run", 1)]  # fmt: skip
    assert engine.stats().running_ns == (10, 95 + 282, 0)


def test_times_near_the_end_of_the_clock():
    far = 2**63 - 2
    engine = Engine("vsm", 2, costs={"interrupt": 2**62, "return": 2**62})
    engine.feed(make_jobs((0, 0, far), (5, 1, 1), (far - 1, 0, far), (far, 1, far)))
    engine.advance(far)
    # The switch to plane 1 ends at 2^62 + 5, its return would end beyond all time.
    assert engine.jobs().finished.tolist() == [0, 1]
    assert sojourns(engine, 1) == (1, 2**62 + 1, 2**62 + 1)
    assert engine.time_ns().tolist() == [[5 + 1, 0, 0, far - 6]]
    assert engine.jobs().arrived.tolist() == [2, 2]


def test_a_livelock_through_userspace_is_found_and_left_by_the_next_arrival():
    # Userspace lets only plane 0's events preempt, but asks to be told of plane 1's as well: with
    # nothing to change its mind it enters plane 2 again and again.
    def asks_too_much(state, now_ns, vcpu, reason):
        wanted = int(state["runnable"]) | int(state["irq"]) & 1
        lowest = (wanted & -wanted).bit_length() - 1
        return lowest, (1 << lowest) - 1

    policy = Policy.preset("kvm_planes", 3).replace(scheduler="user")
    jobs = make_jobs((100, 2, 50), (120, 1, 10), (200, 0, 5))
    engine = Engine(policy, 3, userspace=asks_too_much)
    engine.feed(jobs)
    engine.advance(150)
    assert engine.livelocks() == [(0, 1, 120, (2,))]
    assert engine.time_ns().tolist() == [[20, 30, 100, 0]]
    engine.advance(1000)
    # Plane 0 is entered, and hands the vCPU to plane 1, then the circle is open.
    assert engine.jobs().finished.tolist() == [1, 1, 0]
