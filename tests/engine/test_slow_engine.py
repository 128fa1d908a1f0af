"""The slow model of the timed driver against timelines worked out by hand, and its sums.

Unless a test says otherwise there are three planes, a switch costs 1 ns and an exit 10 ns.
Longer than 300 lines because the timelines are its content, and belong side by side.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slow_engine import Arrival, CallAt, LivelockError, simulate

from planesched.events import Event, Flags, JobKind, Reason
from planesched.policy import Policy
from planesched.presets import presets

COSTS = {reason.name.lower(): 1 for reason in Reason if reason} | {"exit": 10}
THREE = (Arrival(100, 1, 30, 5), Arrival(110, 2, 20, 5), Arrival(120, 0, 10, 5))


def run(policy, *, planes=3, end=1000, costs=COSTS, **guests):
    return simulate(policy, planes, end, costs=costs, **guests)[0]


def steps(vcpu):
    """Each step as "time event plane: was>now reason or fault, flags"."""
    out = []
    for time, _, event, plane, (was, now, reason, fault, flags) in vcpu.timeline:
        name = event.name.lower() + (f" {plane}" if plane >= 0 else "")
        why = [x.name.lower() for x in (reason, fault) if x]
        said = [*why, *(flag.name.lower() for flag in Flags if flag & flags)]
        out.append(" ".join([f"{time} {name}: {was}>{now}", *said]))
    return out


def left(vcpu):
    return {plane: [job.left for job in queue] for plane, queue in vcpu.queues.items() if queue}


def spent(vcpu):
    out = {}
    for (what, _), time in vcpu.times.items():
        out[what] = out.get(what, 0) + time
    return {what: time for what, time in out.items() if time}


def sojourns(vcpu, kind=JobKind.INTERRUPT):
    return {plane: times for (plane, of), times in vcpu.sojourns.items() if of == kind}


def test_kvm_planes():
    vcpu = run("kvm_planes", arrivals=THREE)
    assert steps(vcpu) == [
        "0 call 2: 0>2 call switched",  # the marker has nothing to do, so the main plane
        "1 halt: 2>2 blocked",
        "100 irq 1: 2>2 blocked",  # only the marker's events preempt
        "110 irq 2: 2>2 injected",
        "120 irq 0: 2>0 interrupt switched injected",  # plane 2 did 10 of 20
        "131 call 1: 0>1 call switched injected",  # plane 1 is the first with work
        "162 halt: 1>1 blocked",  # keep: plane 1 keeps the vCPU, plane 2 its rest
    ]
    assert vcpu.latencies == {2: [0], 0: [0], 1: [31]}
    assert sojourns(vcpu) == {0: [11], 1: [62]}
    assert left(vcpu) == {2: [10]}
    assert spent(vcpu) == {"running": 10 + 10 + 30, "transition": 3, "blocked": 947}


def test_kvm_user():
    vcpu = run("kvm_user", arrivals=THREE)
    assert steps(vcpu) == [
        "0 call 2: 0>0 call user",
        "10 enter 2: 0>2 user switched",
        "11 halt: 2>2 blocked",
        "100 irq 1: 2>2 interrupt user",
        "110 enter 1: 2>1 user switched injected",  # before irq 2, which waits
        "111 irq 2: 1>1",  # not in req_exit: plane 1 outranks plane 2
        "120 irq 0: 1>1 interrupt user",  # plane 1 did 9 of 30
        "130 enter 0: 1>0 user switched injected",
        "141 call 1: 0>0 call user",
        "151 enter 1: 0>1 user switched",
        "173 halt: 1>1 blocked",
    ]
    assert vcpu.latencies == {1: [10], 0: [10]}
    assert sojourns(vcpu) == {0: [21], 1: [73]}
    assert left(vcpu) == {2: [20]}
    assert vcpu.exits == {Reason.CALL: 2, Reason.INTERRUPT: 2}
    assert spent(vcpu) == {"transition": 44, "running": 40, "blocked": 916}


def test_kvm_vsm():
    vcpu = run("kvm_vsm", arrivals=THREE)
    assert steps(vcpu) == [
        "0 return: 0>0 ud",
        "0 halt: 0>0 blocked",
        "100 irq 1: 0>1 interrupt switched injected",
        "110 irq 2: 1>2 interrupt switched injected",  # plane 1 did 9 of 30
        "120 irq 0: 2>2",
        "131 return: 2>1 return switched",
        "153 return: 1>0 return switched injected",
        "164 return: 0>0 ud",
        "164 halt: 0>0 blocked",
    ]
    assert vcpu.latencies == {1: [0], 2: [0], 0: [33]}
    assert sojourns(vcpu) == {2: [21], 1: [53], 0: [44]}
    assert spent(vcpu) == {"running": 60, "transition": 4, "blocked": 936}


def test_vsm_returns_to_the_next_plane_even_if_it_has_nothing_to_do():
    vcpu = run("vsm", arrivals=[Arrival(100, 2, 20)])
    assert steps(vcpu)[2:] == [
        "100 irq 2: 0>2 interrupt switched injected",
        "121 return: 2>1 return switched",
        "122 return: 1>0 return switched blocked",  # plane 0 still sleeps
    ]
    assert spent(vcpu) == {"running": 20, "transition": 3, "blocked": 977}


def test_vsm_tells_a_plane_of_lower_interrupts():
    vina_on = Arrival(5, 1, event=Event.VINA_ON)
    vcpu = run("vsm", arrivals=[vina_on, Arrival(100, 1, 30), Arrival(110, 0, 10)])
    assert steps(vcpu)[2:] == [
        "5 vina_on 1: 0>0 blocked",
        "100 irq 1: 0>1 interrupt switched injected",
        "110 irq 0: 1>1 injected vina",  # the notification is taken at once
        "131 return: 1>0 return switched injected",
        "142 return: 0>0 ud",
        "142 halt: 0>0 blocked",
    ]
    assert vcpu.latencies == {1: [0, 0], 0: [21]}


def test_vsm_relay():
    vcpu = run("vsm_relay", arrivals=THREE)
    assert steps(vcpu)[2:] == [
        "100 irq 1: 0>2 relay switched",
        "101 return: 2>1 return switched injected",
        "110 irq 2: 1>2 interrupt switched injected",  # plane 1 did 8 of 30
        "120 irq 0: 2>2",
        "131 return: 2>1 return switched",
        "154 return: 1>0 return switched injected",
        "165 return: 0>0 ud",
        "165 halt: 0>0 blocked",
    ]
    assert vcpu.latencies == {1: [1], 2: [0], 0: [34]}
    assert sojourns(vcpu) == {2: [21], 1: [54], 0: [45]}


def test_vsm_locked():
    lock = Arrival(50, 1, event=Event.LOCK)
    policy = Policy.preset("vsm_locked", 3).replace(ret="resume")
    vcpu = run(policy, arrivals=[lock, *THREE])
    assert steps(vcpu)[2:] == [
        "50 lock 1: 0>0 blocked",
        "100 irq 1: 0>1 interrupt switched injected",
        "110 irq 2: 1>1",  # not locked in: below plane 0
        "120 irq 0: 1>1",
        "131 return: 1>0 return switched injected",
        "142 return: 0>0 ud",  # resume: plane 2 lies below, but was never started
        "142 halt: 0>0 blocked",
    ]
    assert left(vcpu) == {2: [20]}
    assert vcpu.latencies == {1: [0], 0: [11]}


def test_openhcl_tells_by_level():
    vina_on = Arrival(115, 1, event=Event.VINA_ON)
    vcpu = run("openhcl", arrivals=[Arrival(100, 1, 30), Arrival(110, 0, 10), vina_on])
    assert steps(vcpu)[2:] == [
        "100 irq 1: 0>1 interrupt switched injected",
        "110 irq 0: 1>1",
        "115 vina_on 1: 1>1 injected vina",  # the interrupt was there before
        "131 return: 1>0 return switched injected",
        "142 return: 0>0 ud",
        "142 halt: 0>0 blocked",
    ]
    assert vcpu.latencies == {1: [0, 0], 0: [21]}


def test_whp_livelock():
    # The gate is open: a masked interrupt enters its plane, which cannot take it, works, and
    # returns at 131; the interrupt brings it in again at once, for ever.
    mask = Arrival(50, 1, event=Event.MASK)
    with pytest.raises(LivelockError) as caught:
        run("whp", arrivals=[mask, Arrival(100, 1, 30)])
    assert caught.value.args == (131, 0)


def test_whp():
    vcpu = run("whp", arrivals=[Arrival(100, 2, 30), Arrival(110, 2, 10)])
    assert steps(vcpu)[2:] == [
        "100 irq 2: 0>2 interrupt switched injected",
        "110 irq 2: 2>2 injected",
        "141 return: 2>0 return switched",  # which ends the halt of the VP
        "142 return: 0>0 ud",
        "142 halt: 0>0 blocked",
    ]
    assert sojourns(vcpu) == {2: [31, 31]}


def test_snp_serves_a_call_of_the_main_plane():
    vcpu = run("snp", busy=[2], calls={2: [CallAt(50, 20, target=0)]})
    assert steps(vcpu) == [
        "0 call 2: 0>2 call switched",
        "51 call 0: 2>0 call switched",  # plane 2 has computed from 1 to 51
        "72 call 2: 0>2 call switched",
    ]
    assert sojourns(vcpu, JobKind.CALL) == {0: [21]}
    assert [vcpu.times["running", plane] for plane in (2, 0)] == [50 + 1000 - 73, 20]


def test_snp_refuses_a_call_while_the_caller_has_an_event():
    # A service time of 0: the job ends at once, but its interrupt, disabled, is still pending.
    cli = Arrival(10, 2, event=Event.CLI)
    calls = {2: [CallAt(50, 20, target=0)]}
    vcpu = run("snp", busy=[2], calls=calls, arrivals=[cli, Arrival(20, 2, 0)])
    assert steps(vcpu)[1:] == ["10 cli 2: 2>2", "20 irq 2: 2>2", "51 call 0: 2>2 pending"]
    assert sojourns(vcpu) == {2: [0]}
    assert sojourns(vcpu, JobKind.CALL) == {}


def test_a_caller_waits_behind_what_preempts_its_call():
    # vsm: plane 0 works 30 for an interrupt and calls after 10; plane 1 works 20 for it, but is
    # preempted by plane 2 for 40.
    arrivals = [Arrival(100, 0, 30), Arrival(120, 2, 40)]
    policy = simulate("vsm", 3, 0)[0].policy.replace(ret="resume")
    vcpu = run(policy, calls={0: [CallAt(10, 20)]}, arrivals=arrivals)
    assert steps(vcpu)[2:] == [
        "100 irq 0: 0>0 injected",
        "110 call: 0>1 call switched",
        "120 irq 2: 1>2 interrupt switched injected",  # plane 1 did 9 of 20
        "161 return: 2>1 return switched",
        "173 return: 1>0 return switched",
        "194 return: 0>0 ud",
        "194 halt: 0>0 blocked",
    ]
    assert sojourns(vcpu, JobKind.CALL) == {1: [63]}
    assert sojourns(vcpu) == {2: [41], 0: [94]}


def test_tdx():
    vcpu = run("tdx", arrivals=THREE, route="marker")
    assert steps(vcpu) == [
        "0 halt: 0>0 blocked",  # leave: with no work below, the marker halts
        "100 irq 0: 0>0 injected",  # to be forwarded
        "105 irq 1: 0>0",
        "105 call 1: 0>1 call switched injected",
        "110 irq 0: 1>0 interrupt switched injected",  # plane 1 did 4 of 30
        "116 irq 2: 0>0",
        "116 call 2: 0>2 call switched injected",  # which leaves plane 1 stopped
        "120 irq 0: 2>0 interrupt switched injected",  # plane 2 did 3 of 20
        "131 call 1: 0>1 call switched",
        "158 halt: 1>0 halt switched",
        "159 call 2: 0>2 call switched",
        "177 halt: 2>0 halt switched",
        "178 halt: 0>0 blocked",
    ]
    assert vcpu.latencies == {0: [0, 0, 0], 1: [5], 2: [6]}
    assert sojourns(vcpu) == {0: [11], 1: [58], 2: [67]}
    assert sojourns(vcpu, JobKind.FORWARD) == {0: [5, 6]}
    assert spent(vcpu) == {"running": 70, "transition": 8, "blocked": 922}


def test_cca_with_a_busy_plane():
    vcpu = run("cca", planes=2, busy=[1], route="marker", arrivals=[Arrival(100, 1, 30, 5)])
    assert steps(vcpu) == [
        "0 call 1: 0>1 call switched",  # busy: it has work
        "100 irq 0: 1>0 interrupt switched injected",
        "106 irq 1: 0>0",
        "106 call 1: 0>1 call switched injected",
    ]
    assert vcpu.latencies == {0: [0], 1: [6]}
    assert sojourns(vcpu) == {1: [37]}
    assert spent(vcpu) == {"running": 997, "transition": 3}


def test_events_wait_for_the_end_of_a_transition():
    vcpu = run("vsm", costs={"interrupt": 10}, arrivals=[Arrival(100, 1, 5), Arrival(105, 2, 5)])
    assert steps(vcpu)[2:] == [
        "100 irq 1: 0>1 interrupt switched injected",
        "110 irq 2: 1>2 interrupt switched injected",
        "125 return: 2>1 return switched",
        "130 return: 1>0 return switched blocked",
    ]
    assert vcpu.latencies == {1: [0], 2: [5]}


def test_events_of_an_exit_are_applied_before_userspace_enters():
    vcpu = run("kvm_user", arrivals=[Arrival(100, 1, 5), Arrival(105, 0, 5)])
    assert steps(vcpu)[3:] == [
        "100 irq 1: 2>2 interrupt user",
        "110 irq 0: 2>2 user",
        "110 enter 0: 2>0 user switched injected",
        "116 call 1: 0>0 call user",
        "126 enter 1: 0>1 user switched injected",
        "132 halt: 1>1 blocked",
    ]
    assert vcpu.latencies == {0: [5], 1: [26]}
    assert spent(vcpu) == {"running": 10, "transition": 11 + 11 + 11, "blocked": 957}


def test_a_job_ends_before_what_arrives_at_that_instant():
    policy = Policy.preset("vsm_relay", 3).replace(ret="resume")
    vcpu = run(policy, costs={}, arrivals=[Arrival(100, 2, 30), Arrival(130, 1, 5)])
    assert steps(vcpu)[2:] == [
        "100 irq 2: 0>2 interrupt switched injected",
        "130 return: 2>0 return switched blocked",
        "130 irq 1: 0>2 relay switched",
        "130 return: 2>1 return switched injected",
        "135 return: 1>0 return switched blocked",
    ]


def test_a_coalesced_interrupt_counts_from_the_first():
    held = [Arrival(90, 0, event=Event.MASK), Arrival(150, 0, event=Event.UNMASK)]
    vcpu = run("vsm", arrivals=[*held, Arrival(100, 0, 5), Arrival(120, 0, 7)])
    assert steps(vcpu)[3:] == [
        "100 irq 0: 0>0 blocked",
        "120 irq 0: 0>0 blocked coalesced",
        "150 unmask 0: 0>0 injected",
        "162 return: 0>0 ud",
        "162 halt: 0>0 blocked",
    ]
    assert vcpu.latencies == {0: [50]}
    assert sojourns(vcpu) == {0: [55, 42]}


def test_where_nothing_can_run_userspace_waits_for_an_event():
    stop = Arrival(50, 0, event=Event.STOP)
    start = Arrival(80, 0, event=Event.START)
    vcpu = run("kvm_vsm", planes=1, busy=[0], arrivals=[stop, start])
    assert steps(vcpu) == [
        "50 stop 0: 0>0 stop user",
        "80 start 0: 0>0 user",
        "80 enter 0: 0>0",
    ]
    assert spent(vcpu) == {"running": 970, "transition": 10, "userspace": 20}


arrival = st.builds(
    Arrival,
    st.integers(0, 200),
    st.integers(0, 2),
    st.integers(0, 20),
    st.integers(0, 5),
    vcpu=st.integers(0, 1),
)


@given(
    preset=st.sampled_from([name for name in presets() if name != "whp"]),
    arrivals=st.lists(arrival, max_size=20),
    busy=st.sets(st.integers(0, 2)),
    costs=st.dictionaries(st.sampled_from(sorted(COSTS)), st.integers(0, 30)),
    calls=st.dictionaries(
        st.integers(0, 2),
        st.lists(st.builds(CallAt, st.integers(0, 50), st.integers(0, 9), st.integers(0, 2))),
    ),
    route=st.sampled_from(["own", "marker"]),
    end=st.integers(0, 400),
)
def test_everything_adds_up(preset, arrivals, busy, costs, calls, route, end):
    guests = {"busy": busy, "costs": costs, "calls": calls, "route": route}
    for vcpu in simulate(preset, 3, end, vcpus=2, arrivals=arrivals, **guests):
        assert sum(vcpu.times.values()) == end
        came = [it for it in arrivals if it.vcpu == vcpu.vcpu and it.time <= end]
        queued = [job.behind or job for queue in vcpu.queues.values() for job in queue]
        theirs = [job for job in queued if job.kind == JobKind.INTERRUPT]
        assert len(came) == len(theirs) + sum(map(len, sojourns(vcpu).values()))
        assert all(job.left >= 0 for job in queued)
        flags = [outcome.flags for *_, outcome in vcpu.timeline]
        injected = sum(bool(it & Flags.INJECTED) for it in flags)
        assert injected == sum(map(len, vcpu.latencies.values()))
        assert all(latency >= 0 for times in vcpu.latencies.values() for latency in times)
