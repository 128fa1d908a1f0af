"""`planesched replay --controller`: what a KVM injected and ended is what the replay does.

The traces are recordings of a real KVM; a few records are made by hand, to see what each leads to.
"""

import json

import numpy as np
import pytest

from planesched import InputError, replay, traces
from planesched.cli import main
from planesched.events import Event, JobKind
from planesched.replaying import verify_vectors
from planesched.traces import RECORD, Kind, PlaneMap, VectorJobs

pytestmark = pytest.mark.python

BASE = PlaneMap.parse("default=level0")
# First injections that were recorded, by a local APIC and with their arrivals.
INJECTED = {
    "k61-idle-4vcpu.tracefs.txt.xz": 2884,
    "k61-hyperv-ipi-2vcpu.tracefs.txt.xz": 7222,
    "k61-boot-2vcpu.tracefs.txt.xz": 2389,
}
MORE = {
    "k61-disk-2vcpu.tracefs.txt.xz": 10276,
    "k61-ipi-4vcpu.tracefs.txt.xz": 17108,
    "k612-mix-2vcpu.tracefs.txt.xz": 12167,
    "k510-disk-2vcpu.tracefs.txt.xz": 8851,
}


def held(trace, policy="vsm"):
    (found,) = verify_vectors(trace.read(), policy, plane_map=BASE, controller="lapic", planes=2)
    return found


def adds_up(vectors):
    came = vectors["posted"] + vectors["before"]
    gone = sum(vectors[name] for name in ("injected", "coalesced", "dropped", "pending"))
    return bool((came == gone).all())


def close(trace, injected):
    """All injections that were recorded, and all but a handful at their very time."""
    found = held(trace)
    assert found.total("recorded") == injected
    assert abs(found.off) < 0.0005
    assert found.agrees
    assert found.total("agreed") >= 0.997 * injected
    assert found.total("eois_agreed") >= 0.997 * found.total("eois")
    # What does not agree comes in pairs: a vector that overtook, and the one that it overtook.
    assert found.total("recorded") - found.total("agreed") <= 2 * found.raced + found.lost
    return found


@pytest.mark.parametrize("trace", INJECTED, indirect=True)
def test_replaying_what_was_gives_what_was(trace):
    close(trace, INJECTED[trace.name])


@pytest.mark.exhaustive
@pytest.mark.parametrize("trace", MORE, indirect=True)
def test_and_so_it_is_with_long_traces(trace):
    close(trace, MORE[trace.name])


@pytest.mark.parametrize("trace", ["k61-boot-2vcpu.tracefs.txt.xz"], indirect=True)
def test_what_is_left_is_said_by_its_cause(trace):
    found = held(trace)
    injections = int((trace.records["kind"] == Kind.INJECT).sum())
    assert found.total("recorded") + found.unheralded + found.not_vectors == injections
    text = str(found)
    assert "4 injections without a recorded arrival" in text
    assert "16 injections of a vector below 16, by a PIC" in text


@pytest.mark.parametrize("trace", ["k61-idle-4vcpu.tracefs.txt.xz"], indirect=True)
@pytest.mark.parametrize("policy", ["openhcl", "kvm_planes", "tdx"])
def test_every_vector_adds_up_under_every_kind_of_policy(trace, policy):
    levels = ["0xec=level1", "default=level0"]
    (result,) = replay(
        trace.read(), policy, plane_map=levels, service="5 us", costs="any=3us", controller="lapic"
    )
    assert adds_up(result.vectors)
    taken = result.vectors["injected"][result.levels["level1"], 0xEC]
    arrived = int((trace.records["vector"] == 0xEC)[trace.records["kind"] == Kind.ARRIVAL].sum())
    coalesced = result.vectors["coalesced"][result.levels["level1"], 0xEC]
    assert taken + coalesced == arrived
    assert not result.livelocks
    assert result.stats.injected.sum() == result.vectors["injected"].sum()


# ---- By hand ----


def records(*rows):
    """Records of vCPU 0 from (time, kind, vector); HALT, RUN and WAKEUP have none."""
    return np.array([(time, 0, 7, 0, vector, kind, 0) for time, kind, vector in rows], dtype=RECORD)


NESTED = records(
    (0, Kind.RUN, -1),
    (10, Kind.ARRIVAL, 0x31),
    (10, Kind.INJECT, 0x31),
    (20, Kind.ARRIVAL, 0x51),  # a higher class: the handler of 0x31 is left for it
    (20, Kind.INJECT, 0x51),
    (25, Kind.ARRIVAL, 0x31),  # in service, so it pends; and once more, which coalesces
    (26, Kind.ARRIVAL, 0x31),
    (30, Kind.EOI, 0x51),
    (45, Kind.EOI, 0x31),
    (60, Kind.INJECT, 0x31),  # not at its EOI: interrupts were off until now
    (64, Kind.EOI, 0x31),
    (70, Kind.HALT, -1),
    (90, Kind.ARRIVAL, 0x41),
    (95, Kind.INJECT, 0x41),
    (95, Kind.RUN, -1),
    (99, Kind.EOI, 0x41),
    (100, Kind.HALT, -1),
)


def test_handlers_windows_and_tasks_of_a_few_records():
    stream = VectorJobs(traces.Records(NESTED), BASE)
    rows = [row for jobs, _ in stream for row in jobs.tolist()]
    told = [(time, Event(source)) for time, _, _, source, _, kind in rows if kind == JobKind.TOLD]
    assert told == [(44, Event.CLI), (60, Event.STI), (90, Event.CLI), (95, Event.STI)]
    handlers = [(time, source, for_ns) for time, for_ns, _, source, _, kind in rows if not kind]
    assert handlers == [
        (0, traces.WAKE, 31),  # busy from 0 to 70, but for 39 in handlers
        (10, 0x31, 25),
        (20, 0x51, 10),
        (25, 0x31, 4),
        (26, 0x31, 0),
        (90, 0x41, 4),
    ]
    tasks = [(time, for_ns) for time, for_ns, *_, kind in rows if kind == JobKind.TASK]
    assert tasks == [(95, 1)]
    assert stream.busy_ns == 70 + 5


def test_a_few_records_are_injected_and_ended_as_they_were():
    (found,) = verify_vectors(NESTED, "vsm", plane_map=BASE, controller="lapic", planes=2)
    assert found.total("agreed") == found.total("recorded") == found.total("replayed") == 4
    assert found.total("eois_agreed") == found.total("eois") == found.total("eois_replayed") == 4
    (result,) = replay(NESTED, "vsm", plane_map=BASE, controller="lapic", planes=2)
    row = result.vectors[0, 0x31]
    counts = [int(row[name]) for name in ("posted", "injected", "coalesced", "pending")]
    assert counts == [3, 2, 1, 0]
    assert int(row["latency_max_ns"]) == 35
    assert "0x31, guest OS (plane 0) 3 2 1 0" in " ".join(str(result).split())


def test_a_vector_that_came_during_another_s_injection_counts_as_raced():
    race = records(
        (0, Kind.RUN, -1),
        (10, Kind.ARRIVAL, 0x31),
        (11, Kind.ARRIVAL, 0x51),
        (12, Kind.INJECT, 0x31),
        (20, Kind.EOI, 0x31),
        (20, Kind.INJECT, 0x51),
        (30, Kind.EOI, 0x51),
        (40, Kind.HALT, -1),
    )
    (found,) = verify_vectors(race, "vsm", plane_map=BASE, controller="lapic", planes=2)
    assert found.raced == 2  # and the other way about
    assert found.total("replayed") == found.total("recorded") == 2
    assert found.total("agreed") == 0


def test_the_command_says_how_many_agree(capsys, tmp_path):
    path = tmp_path / "trace.txt"
    line = " qemu-134 [001] ..... {:.6f}: {}\n"
    bodies = [
        (1.0, "kvm_entry: vcpu 0, rip 0x1"),
        (1.00001, "kvm_apic_accept_irq: apicid 0 vec 49 (Fixed|edge)"),
        (1.00001, "kvm_inj_virq: IRQ 0x31"),
        (1.00003, "kvm_eoi: apicid 0 vector 49"),
        (1.00004, "kvm_exit: vcpu 0 reason hlt rip 0x1 info1 0x0 info2 0x0"),
    ]
    path.write_text("".join(line.format(*body) for body in bodies))
    command = ["replay", str(path), "--map", "default=level0", "--planes", "2", "--policy", "vsm"]
    assert main([*command, "--controller", "lapic", "--verify"]) == 0
    assert "1 injected for 1 recorded (+0.00%)" in capsys.readouterr().out
    assert main([*command, "--controller", "lapic", "--verify", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["policies"][0]
    assert found["vectors"]["49"]["agreed"] == 1
    assert main([*command, "--controller", "pic"]) == 2
    assert "--controller='pic', expected one of lapic" in capsys.readouterr().err


def test_what_a_result_with_vectors_keeps(tmp_path):
    (result,) = replay(NESTED, "vsm", plane_map=BASE, controller="lapic", planes=2)
    result.save(tmp_path / "result.npz")
    assert type(result).load(tmp_path / "result.npz").vectors.tobytes() == result.vectors.tobytes()
    (row,) = [row for row in result.as_dict()["vectors"] if row["vector"] == 0x51]
    assert (row["injected"], row["latency_mean_ns"]) == (1, 0.0)
    (plain,) = replay(NESTED, "vsm", plane_map=BASE, planes=2)
    assert plain.vectors is None
    assert "vectors" not in plain.as_dict()


def test_a_bad_line_is_named_with_a_controller_too(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text(" qemu-134 [001] ..... 1.000001: kvm_inj_virq: IRQ 0xyz\n")
    with pytest.raises(InputError):
        verify_vectors(str(path), "vsm", plane_map=BASE, controller="lapic")
