"""Timelines worked out by hand from the rules (section 7), exact to the nanosecond.

Three planes; plane 0 boots. Where nothing else is said the jobs are

    plane 0 at 100 for 50 ns, plane 1 at 120 for 30 ns, plane 2 at 130 for 20 ns.
"""

import numpy as np
import pytest
from engine_timeline import latencies, make_jobs, sojourns, timeline

from planesched import STATE, Engine, Policy

JOBS = make_jobs((100, 0, 50), (120, 1, 30), (130, 2, 20))
COSTS = {"interrupt": 3, "return": 2, "call": 5, "relay": 4, "halt": 7, "user": 6, "exit": 10}


def run(policy, jobs=JOBS, until_ns=400, *, costs=COSTS, **settings):
    engine = Engine(policy, 3, costs=costs, **settings)
    engine.feed(jobs)
    lines = timeline(engine, until_ns)
    stats = engine.stats()
    assert not stats.balance().any()
    assert (engine.jobs().arrived == engine.jobs().finished + engine.jobs().queued).all()
    return engine, lines


def state(**masks):
    out = np.zeros((), dtype=STATE)
    out["online"], out["runnable"] = 0b111, 0b001
    for name, mask in masks.items():
        out[name] = mask
    return out


def test_vsm():
    engine, lines = run("vsm")
    assert lines == [
        (0, "blocked", 0),  # nothing to return to: VTL0 halts
        (100, "run", 0),  # works 20 of 50
        (120, "switch", 1),  # interrupt: 3
        (123, "run", 1),  # works 7 of 30
        (130, "switch", 2),  # interrupt: 3
        (133, "run", 2),  # works 20 of 20
        (153, "switch", 1),  # return: 2
        (155, "run", 1),  # the other 23
        (178, "switch", 0),  # return: 2
        (180, "run", 0),  # the other 30
        (210, "blocked", 0),
    ]
    # The injection is part of the switch, which begins with the arrival.
    assert [latencies(engine, plane) for plane in range(3)] == [(1, 0, 0)] * 3
    assert sojourns(engine, 0) == (1, 110, 110)
    assert sojourns(engine, 1) == (1, 178 - 120, 178 - 120)
    assert sojourns(engine, 2) == (1, 153 - 130, 153 - 130)
    stats = engine.stats()
    assert stats.entries_by_reason == {"interrupt": 2, "return": 2}
    assert stats.running_ns == (20 + 30, 7 + 23, 20)
    assert stats.transition_ns == (2, 3 + 2, 3)
    assert stats.blocked_ns == (100 + 190, 0, 0)


def test_vsm_in_userspace():
    engine, lines = run(Policy.preset("vsm", 3).replace(scheduler="user"))
    assert lines == [
        (0, "blocked", 0),
        (100, "run", 0),
        (120, "switch", 0),  # exit: 10. Plane 2's interrupt comes at 130, after the enter
        (130, "switch", 1),  # enter 1: 6; at 136 what came meanwhile: exit 10
        (146, "switch", 2),  # enter 2: 6
        (152, "run", 2),
        (172, "switch", 2),  # return: exit 10
        (182, "switch", 1),  # enter 1: 6
        (188, "run", 1),  # all 30 of it
        (218, "switch", 1),  # return: exit 10
        (228, "switch", 0),  # enter 0: 6
        (234, "run", 0),  # 30 of 50
        (264, "blocked", 0),
    ]
    assert latencies(engine, 1) == (1, 130 - 120, 130 - 120)
    assert latencies(engine, 2) == (1, 146 - 130, 146 - 130)
    assert [sojourns(engine, plane)[1] for plane in range(3)] == [164, 218 - 120, 172 - 130]
    stats = engine.stats()
    assert stats.entries_by_reason == {"user": 4}
    assert stats.exits_by_reason == {"interrupt": 2, "return": 2}
    assert stats.userspace_ns == (0, 0, 0)


def test_vsm_relay():
    engine, lines = run("vsm_relay")
    assert lines == [
        (0, "blocked", 0),
        (100, "run", 0),  # 20 of 50
        (120, "switch", 2),  # relay: 4
        (124, "switch", 1),  # the marker has nothing to do and returns: 2
        (126, "run", 1),  # 4 of 30
        (130, "switch", 2),  # its own interrupt: 3
        (133, "run", 2),
        (153, "switch", 1),  # return: 2
        (155, "run", 1),  # 26
        (181, "switch", 0),  # return: 2
        (183, "run", 0),  # 30
        (213, "blocked", 0),
    ]
    assert latencies(engine, 1) == (1, 4, 4)
    assert latencies(engine, 2) == (1, 0, 0)
    assert [sojourns(engine, plane)[1] for plane in range(3)] == [113, 181 - 120, 153 - 130]
    assert engine.stats().entries_by_reason == {"relay": 1, "interrupt": 1, "return": 3}


def test_vsm_locked_before_the_lock():
    engine, lines = run("vsm_locked")
    assert lines == [(0, "blocked", 0), (100, "run", 0), (150, "blocked", 0)]
    assert engine.stats().pending.tolist() == [0, 1, 1]
    assert engine.jobs().queued.tolist() == [0, 1, 1]
    assert engine.jobs().oldest_pending_ns.tolist() == [0, 400 - 120, 400 - 130]


def test_vsm_locked_after_the_lock():
    engine, lines = run("vsm_locked", initial=state(locked=0b110))
    assert lines == run("vsm")[1]
    assert engine.jobs().finished.tolist() == [1, 1, 1]


def test_openhcl_notifies_by_level():
    jobs = make_jobs((100, 1, 50), (120, 0, 30))
    engine, lines = run("openhcl", jobs, initial=state(vina=0b010))
    assert lines == [
        (0, "blocked", 0),
        (100, "switch", 1),  # interrupt: 3
        (103, "run", 1),
        (153, "switch", 0),  # return: 2; plane 0 wakes and takes its interrupt
        (155, "run", 0),
        (185, "blocked", 0),
    ]
    stats = engine.stats()
    assert stats.vina.tolist() == [0, 1, 0]  # at 120
    assert stats.injected.tolist() == [1, 2, 0]
    assert latencies(engine, 0) == (1, 153 - 120, 153 - 120)
    assert latencies(engine, 1) == (2, 0, 0)


def test_whp_enters_a_masked_plane_and_bounces_for_ever():
    jobs = make_jobs((100, 0, 50), (120, 1, 30), (170, 0, 5))
    engine, lines = run("whp", jobs, initial=state(masked=0b010))
    assert lines == [
        (0, "blocked", 0),
        (100, "run", 0),
        (120, "switch", 1),  # interrupt: 3, though the mask holds it back
        (123, "run", 1),  # works 30; then it returns, its interrupt still pending, and bounces
    ]
    ((vcpu, count, first_ns, planes),) = engine.livelocks()
    assert (vcpu, count, first_ns, planes) == (0, 2, 153, (1,))  # found again after 170
    assert engine.stats().pending.tolist() == [1, 1, 0]
    assert engine.jobs().finished.tolist() == [0, 1, 0]


def test_vsm_leaves_a_masked_plane_alone():
    engine, lines = run("vsm", initial=state(masked=0b010))
    assert lines == [
        (0, "blocked", 0),
        (100, "run", 0),  # 30 of 50; plane 1's interrupt brings nobody in
        (130, "switch", 2),
        (133, "run", 2),
        (153, "switch", 1),  # next_online: plane 1 gets the vCPU, and its job
        (155, "run", 1),
        (185, "switch", 0),
        (187, "run", 0),
        (207, "blocked", 0),
    ]
    assert latencies(engine, 1) == (0, None, None)
    assert not engine.livelocks()


def test_kvm_vsm_and_what_comes_during_a_switch():
    jobs = make_jobs((100, 1, 30), (101, 2, 20))
    engine, lines = run("kvm_vsm", jobs)
    assert lines == [
        (0, "blocked", 0),
        (100, "switch", 1),  # interrupt: 3
        (103, "switch", 2),  # plane 2's interrupt waited for the end of the switch: 3
        (106, "run", 2),
        (126, "switch", 1),  # return: 2
        (128, "run", 1),
        (158, "switch", 0),  # return: 2, to a halted plane
        (160, "blocked", 0),
    ]
    assert latencies(engine, 2) == (1, 103 - 101, 103 - 101)
    assert sojourns(engine, 1) == (1, 58, 58)
    assert sojourns(engine, 2) == (1, 25, 25)


def test_kvm_planes_strands_the_plane_that_the_halted_one_outranks():
    engine, lines = run("kvm_planes")
    assert lines == [
        (0, "switch", 2),  # the marker has no work and calls the main plane: 5
        (5, "blocked", 2),
        (100, "switch", 0),  # interrupt: 3
        (103, "run", 0),  # 50; only the marker's events preempt
        (153, "switch", 1),  # call, first with work: 5
        (158, "run", 1),  # 30
        (188, "blocked", 1),  # keep: plane 2 could run, but is outranked
    ]
    assert latencies(engine, 1) == (1, 153 - 120, 153 - 120)
    assert [sojourns(engine, plane)[1] for plane in range(3)] == [53, 188 - 120, None]
    assert engine.stats().pending.tolist() == [0, 0, 1]


def test_kvm_user():
    engine, lines = run("kvm_user")
    assert lines == [
        (0, "switch", 0),  # call 2: exit 10
        (10, "switch", 2),  # enter 2: 6
        (16, "blocked", 2),
        (100, "switch", 2),  # plane 0 was asked for: exit 10
        (110, "switch", 0),  # enter 0: 6
        (116, "run", 0),  # 50
        (166, "switch", 0),  # call 1: exit 10
        (176, "switch", 1),  # enter 1: 6
        (182, "run", 1),  # 30
        (212, "blocked", 1),  # plane 2 was not asked for
    ]
    assert latencies(engine, 0) == (1, 10, 10)
    assert latencies(engine, 1) == (1, 176 - 120, 176 - 120)
    assert engine.stats().exits_by_reason == {"call": 2, "interrupt": 1}


def test_snp_resumes_the_plane_that_the_marker_took_the_vcpu_from():
    jobs = make_jobs((100, 2, 50), (120, 0, 30), (300, 0, 10))
    engine, lines = run("snp", jobs)
    assert lines == [
        (0, "switch", 2),  # call of the main plane: 5
        (5, "blocked", 2),
        (100, "run", 2),  # 20 of 50
        (120, "switch", 0),  # interrupt: 3
        (123, "run", 0),  # 30
        (153, "switch", 2),  # call: 5
        (158, "run", 2),  # 30
        (188, "blocked", 2),
        (300, "switch", 0),  # interrupt: 3
        (303, "run", 0),  # 10
        (313, "switch", 2),  # nobody has work: back to the plane that was left
        (318, "blocked", 2),
    ]
    assert sojourns(engine, 2) == (1, 88, 88)
    assert sojourns(engine, 0) == (2, 13, 33)


def test_snp_calls_the_main_plane_before_it_took_the_vcpu_from_any():
    assert run("snp", make_jobs(), main=1)[1] == [(0, "switch", 1), (5, "blocked", 1)]


def test_tdx_forwards_from_l1():
    engine, lines = run("tdx", route="marker", forward_ns=10)
    assert lines == [
        (0, "blocked", 0),  # L1 has nobody to enter and halts
        (100, "run", 0),  # its own 50, then 10 to forward for plane 1
        (160, "switch", 1),  # call: 5
        (165, "run", 1),  # 30
        (195, "switch", 0),  # halt leaves to L1: 7
        (202, "run", 0),  # 10 to forward for plane 2
        (212, "switch", 2),  # call: 5
        (217, "run", 2),  # 20
        (237, "switch", 0),  # halt: 7
        (244, "blocked", 0),
    ]
    assert latencies(engine, 1) == (1, 160 - 120, 160 - 120)
    assert latencies(engine, 2) == (1, 212 - 130, 212 - 130)
    assert [sojourns(engine, plane)[1] for plane in range(3)] == [50, 195 - 120, 237 - 130]
    assert engine.stats().injected.tolist() == [3, 1, 1]
    assert engine.jobs().forwarded.tolist() == [0, 1, 1]


def test_cca_takes_a_plane_out_to_forward():
    jobs = make_jobs((100, 1, 50), (120, 2, 20))
    engine, lines = run("cca", jobs, route="marker", forward_ns=10)
    assert lines == [
        (0, "blocked", 0),
        (100, "run", 0),  # 10 to forward
        (110, "switch", 1),  # call: 5
        (115, "run", 1),  # 5 of 50
        (120, "switch", 0),  # interrupt: 3
        (123, "run", 0),  # 10 to forward
        (133, "switch", 1),  # it calls plane 2, but of the runnable ones plane 1 comes first: 5
        (138, "run", 1),  # the other 45
        (183, "switch", 0),  # halt leaves to P0: 7
        (190, "switch", 2),  # plane 2 has work: call 5
        (195, "run", 2),  # 20
        (215, "switch", 0),  # halt: 7
        (222, "blocked", 0),
    ]
    assert latencies(engine, 1) == (1, 10, 10)
    assert latencies(engine, 2) == (1, 70, 70)
    assert sojourns(engine, 1) == (1, 83, 83)
    assert sojourns(engine, 2) == (1, 95, 95)


def test_tdx_on_its_own_route_is_entered_by_l1_only():
    engine, lines = run("tdx")
    assert lines == [
        (0, "blocked", 0),
        (100, "run", 0),  # 50
        (150, "switch", 1),  # has work: call 5
        (155, "run", 1),
        (185, "switch", 0),  # halt: 7
        (192, "switch", 2),  # call: 5
        (197, "run", 2),
        (217, "switch", 0),
        (224, "blocked", 0),
    ]
    assert latencies(engine, 2) == (1, 192 - 130, 192 - 130)


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
    # Only plane 0's events preempt, but userspace is told of plane 1's as well: with nothing to
    # change its mind it enters plane 2 again and again.
    policy = Policy.preset("kvm_planes", 3).replace(scheduler="user")
    jobs = make_jobs((100, 2, 50), (120, 1, 10), (200, 0, 5))
    engine = Engine(policy, 3)
    engine.feed(jobs)
    engine.advance(150)
    assert engine.livelocks() == [(0, 1, 120, (2,))]
    assert engine.time_ns().tolist() == [[20, 30, 100, 0]]
    engine.advance(1000)
    # Plane 0 is entered, and hands the vCPU to plane 1, then the circle is open.
    assert engine.jobs().finished.tolist() == [1, 1, 0]
