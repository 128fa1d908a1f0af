"""Objects can be pickled, copied and read by a person."""

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

import planesched
from planesched import EVENT, VM, Event, Outcome, Policy, Reason, UserScheduler, Workload, presets
from planesched.irqchip import ChipEvent, Notes
from planesched.traces import PlaneMap
from planesched.workload import (
    Calls,
    Empirical,
    Gamma,
    Ipis,
    LogNormal,
    OnOff,
    Periodic,
    Poisson,
    Times,
    Uniform,
)

COPIES = [
    lambda value: pickle.loads(pickle.dumps(value)),
    copy.copy,
    copy.deepcopy,
]


def events(n=200):
    rng = np.random.default_rng(3)
    out = np.zeros(n, dtype=EVENT)
    out["time_ns"] = np.arange(n) * 10
    out["vcpu"] = rng.integers(2, size=n)
    out["kind"] = rng.choice([Event.IRQ, Event.RETURN, Event.HALT], size=n)
    out["plane"] = np.where(out["kind"] == Event.IRQ, rng.integers(3, size=n), 0)
    return out


@pytest.mark.parametrize("copied", COPIES)
def test_vm_goes_on_as_the_original(copied):
    records = events()
    vm = VM("vsm", planes=3, vcpus=2)
    vm.run(records[:100])
    other = copied(vm)
    assert (other.planes, other.policy, other.now_ns) == (3, vm.policy, vm.now_ns)
    stats, same = vm.run(records[100:]), other.run(records[100:])
    assert stats.figures == same.figures
    assert stats.latency == same.latency
    assert np.array_equal(vm.state, other.state)
    vm.vcpus[0].step("irq", 1)
    vm.vcpus[0].step("nmi", 2)
    assert not np.array_equal(vm.state, other.state)


def pick_lowest(state, now_ns, vcpu, reason):
    return 0


def first_offered(state, base, pre, event):
    return ((base | pre) & -(base | pre)).bit_length() - 1


WORKLOAD = Workload(
    [
        Poisson(0, Uniform("1 us", "2 us"), rate="100 kHz", name="network"),
        Periodic(1, Gamma("1 us", 2.0), period="30 us", jitter="5 us"),
        OnOff(1, LogNormal("300 ns", 0.5), rate="1 MHz", on="20 us", off="80 us", vcpus=[0]),
        Times(0, Empirical([100, 200]), times=[5, 7, 9]),
        Calls(0, "1 us", rate="50 kHz"),
        Ipis(1, "500 ns", after="network", chance=0.3),
    ],
    busy=["level0"],
)
SETTINGS = {"workload": WORKLOAD, "planes": 2, "vcpus": 2, "duration": "100 us", "seed": 1}


def replayed():
    plane_map = PlaneMap.parse(["0x26-0x27=level1"])
    trace = Path(planesched.__file__).parent / "data" / "demo.txt.xz"
    return planesched.replay(trace, "vsm", plane_map=plane_map, planes=2)[0]


# One of each class of `planesched.__all__`, and, in small letters, of what these give.
OBJECTS = {
    "VM": lambda: VM("vsm", planes=3, vcpus=2),
    "VCPU": lambda: VM("vsm", planes=3, vcpus=2).vcpus[1],
    "Algorithm": lambda: planesched.Algorithm(first_offered, pure=True),
    "Results": lambda: planesched.compare(["vsm", "openhcl"], **SETTINGS),
    "Costs": lambda: planesched.Costs({"any": "1 us"}, {(0, 1): Uniform(1, 2)}, exit="2 us"),
    "Controller": lambda: planesched.Controller(auto_eoi=(0x42,)),
    "Event": lambda: Event.IRQ,
    "Fault": lambda: planesched.Fault.UD,
    "Flags": lambda: planesched.Flags.SWITCHED | planesched.Flags.VINA,
    "Interval": lambda: planesched.Interval(1.0, 0.5, 1.5),
    "jobstats": lambda: planesched.simulate("vsm", **SETTINGS).jobs,
    "Outcome": lambda: Outcome(0, 2, Reason.RELAY, 0, 3),
    "Policy": lambda: Policy.preset("tdx", planes=3).replace(accelerated=["call", "return"]),
    "preset": lambda: presets()["vsm"],
    "Reason": lambda: Reason.RELAY,
    "Result": lambda: planesched.simulate("vsm", **SETTINGS),
    "Scenario": lambda: planesched.Scenario.load("vsm-boot"),
    "stats": lambda: VM("vsm", planes=3, vcpus=2).run(events()),
    "sweep": lambda: planesched.sweep({"policy": ["vsm", "openhcl"]}, **SETTINGS),
    "InputError": lambda: planesched.InputError("trace.txt", 7, "a", "b"),
    "tracesummary": lambda: replayed().trace,
    "UserScheduler": lambda: UserScheduler(pick_lowest),
    "PlaneMap": lambda: PlaneMap.parse(["0x26-0x27=level1"]),
    "Workload": lambda: WORKLOAD,
    "check": lambda: planesched.check("vsm", planes=2),
    "chip": lambda: VM("vsm", controller="lapic").vcpus[0].chip(1),
    "chipevent": lambda: ChipEvent.EOI,
    "diff": lambda: planesched.diff("vsm", "openhcl", planes=2),
    "explanation": lambda: planesched.explain("vsm", VM("vsm").state[0], "irq", 1),
    "matrix": lambda: planesched.checking.matrix(["vsm", "openhcl"], planes=2),
    "notes": lambda: Notes.MORE,
}


def insides(value):
    """All that an object holds, as plain values that can be compared."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, VM):
        return value.planes, value.policy, insides(value.state), value.now_ns
    if isinstance(value, planesched.VCPU):
        return value.index, insides(value.state)
    if isinstance(value, Mapping):
        return [(key, insides(item)) for key, item in value.items()]
    if isinstance(value, tuple | list):
        return [insides(item) for item in value]
    if dataclasses.is_dataclass(value):
        return [insides(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if type(value).__module__.startswith("planesched") and not isinstance(value, Enum):
        return insides(getattr(value, "__dict__", repr(value)))
    return repr(value)


def test_every_public_class_has_a_row():
    classes = {name for name in planesched.__all__ if isinstance(getattr(planesched, name), type)}
    also = {name for name in OBJECTS if name.islower()}
    assert set(OBJECTS) == classes - {"Engine"} | also  # test_engine_copy.py has the Engine


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("name", OBJECTS)
def test_every_public_object_is_copied_whole(name, copied):
    value = OBJECTS[name]()
    same = copied(value)
    assert type(same) is type(value)
    assert repr(same) == repr(value)
    assert str(same) == str(value)
    assert insides(same) == insides(value)


# Things that change or act, and an exception: each is itself only.
IDENTITIES = {"VM", "VCPU", "UserScheduler", "InputError"}


@pytest.mark.parametrize("name", sorted(set(OBJECTS) - IDENTITIES))
def test_values_are_equal_to_their_copies_and_to_no_others(name):
    value = OBJECTS[name]()
    assert (copy.deepcopy(value) == value) is True
    assert (value == "something else") is False


def test_the_same_seed_gives_an_equal_result_and_another_does_not():
    one, same = (planesched.simulate("vsm", **SETTINGS) for _ in range(2))
    other = planesched.simulate("vsm", **SETTINGS | {"seed": 2})
    assert (one == same, one == other) == (True, False)
    assert (one.stats == same.stats, one.stats == other.stats) == (True, False)
    assert (one.jobs == same.jobs, one.jobs == other.jobs) == (True, False)


def test_deep_copies_share_no_memory():
    vcpu = VM("vsm", planes=3, vcpus=2).vcpus[1]
    view, other = copy.copy(vcpu), copy.deepcopy(vcpu)
    vcpu.irq(2)
    assert (view.current, other.current) == (2, 0)


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_policy_shows_what_is_not_usual_and_can_be_read_back(name):
    policy = Policy.preset(name, planes=3).replace(accelerated=["call", "return"], rearm=False)
    assert eval(repr(policy), {"Policy": Policy}) == policy
    assert repr(Policy()) == "Policy()"
    assert repr(Policy(vina="edge", marker=1)) == "Policy(marker=1, vina='edge')"


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("name", sorted(presets()))
def test_policy(copied, name):
    policy = Policy.preset(name, planes=3).replace(accelerated=["call", "return"])
    assert copied(policy) == policy
    assert hash(copied(policy)) == hash(policy)


@pytest.mark.parametrize("copied", COPIES)
def test_outcome(copied):
    outcome = Outcome(0, 2, Reason.RELAY, 0, 3)
    assert copied(outcome) == outcome
    assert hash(copied(outcome)) == hash(outcome)


@pytest.mark.parametrize("copied", COPIES)
def test_stats(copied):
    stats = VM("vsm", planes=3, vcpus=2).run(events())
    same = copied(stats)
    assert stats.events == 200
    assert stats.figures == same.figures
    assert stats.latency == same.latency
    assert (stats.elapsed_ns, stats.vcpus) == (same.elapsed_ns, same.vcpus)


def test_vcpu_shows_its_planes_as_a_person_reads_them():
    vcpu = VM("vsm", planes=3, vcpus=1).vcpus[0]
    assert repr(vcpu) == "<vCPU 0: plane 0 running>"
    vcpu.cli(1)
    vcpu.irq(1)
    vcpu.irq(0)
    assert repr(vcpu) == "<vCPU 0: plane 1 running, 0 suspended, irq: 0,1, noint: 1>"
    vcpu.halt()
    assert repr(vcpu) == "<vCPU 0: plane 1 blocked, 0 suspended, halted: 1, irq: 0,1, noint: 1>"
    vcpu = VM("kvm_user", planes=2, vcpus=1).vcpus[0]
    vcpu.call(1)
    assert repr(vcpu) == "<vCPU 0: plane 0 in userspace, 1 suspended>"


def test_a_vm_shows_its_vcpus():
    vm = VM("vsm", planes=2, vcpus=10)
    vm.vcpus[0].irq(1)
    text = repr(vm.vcpus)
    assert text.startswith("[<vCPU 0: plane 1 running, 0 suspended")
    assert text.endswith("<vCPU 7: plane 0 running>, and 2 more]")
    assert repr(vm) == "<VM of 10 vCPUs with 2 planes>"
    assert repr(vm.vcpus[:1]) == f"[{vm.vcpus[0]!r}]"
