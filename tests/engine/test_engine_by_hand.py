"""Timelines worked out by hand from the rules (section 7), exact to the nanosecond.

Three planes; plane 0 boots. Where nothing else is said the jobs are

    plane 0 at 100 for 50 ns, plane 1 at 120 for 30 ns, plane 2 at 130 for 20 ns

and a switch costs 3 ns for an interrupt, 2 return, 4 relay, 5 call, 6 user, 7 halt, an exit 10.
Each is that of the engine, and of the slow model beside it. Longer than 300 lines because the
timelines are its content, and belong side by side.
"""

import engine_by_hand
import pytest
import slow_engine
from engine_by_hand import COSTS, JOBS, KINDS, latencies, make_jobs, sojourns, state

from planesched import Policy
from planesched.events import MASKS, JobKind

SLOW_KINDS = ("running", "userspace", "blocked", "transition")


def run(policy, jobs=JOBS, until_ns=400, *, forward_ns=0, initial=None, **guests):
    """Return the engine after a time and what it did when; the slow model did the same."""
    engine, lines = engine_by_hand.run(
        policy, jobs, until_ns, forward_ns=forward_ns, initial=initial, **guests
    )
    rows = (map(int, (job["time_ns"], job["plane"], job["service_ns"])) for job in jobs)
    guests["arrivals"] = [slow_engine.Arrival(*row, forward_ns) for row in rows]
    if initial is not None:
        guests["initial"] = tuple(int(initial[name]) for name in (*MASKS, "current", "status"))
    if engine.livelocks():
        with pytest.raises(slow_engine.LivelockError) as found:
            slow_engine.simulate(policy, 3, until_ns, costs=COSTS, **guests)
        assert engine.livelocks()[0][2] == found.value.args[0]
        return engine, lines
    [slow] = slow_engine.simulate(policy, 3, until_ns, costs=COSTS, **guests)
    named = dict(zip(SLOW_KINDS, KINDS, strict=True))
    assert [(begin, named[what], plane) for begin, what, plane in slow.stretches] == lines
    for plane in range(3):
        waited = slow.latencies[plane]
        assert latencies(engine, plane) == (len(waited), *ends(waited))
        took = slow.sojourns[plane, JobKind.INTERRUPT]
        assert sojourns(engine, plane) == (len(took), *ends(took))
    return engine, lines


def ends(times):
    return min(times, default=None), max(times, default=None)


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
    """Planes that are not locked in are less privileged; a return resumes none of them."""
    engine, lines = run(Policy.preset("vsm_locked", 3).replace(ret="resume"))
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
    engine, lines = run(Policy.preset("kvm_planes", 3).replace(wake="preemptors"))
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
    engine, lines = run(Policy.preset("snp", 3).replace(wake="preemptors"), jobs)
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
        (133, "switch", 2),  # call of plane 2, which leaves plane 1 stopped: 5
        (138, "run", 2),  # 20
        (158, "switch", 0),  # halt leaves to P0: 7
        (165, "switch", 1),  # plane 1 has work: call 5
        (170, "run", 1),  # the other 45
        (215, "switch", 0),  # halt: 7
        (222, "blocked", 0),
    ]
    assert latencies(engine, 1) == (1, 10, 10)
    assert latencies(engine, 2) == (1, 13, 13)
    assert sojourns(engine, 1) == (1, 115, 115)
    assert sojourns(engine, 2) == (1, 38, 38)


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
