"""Objects can be pickled, copied and read by a person."""

import copy
import pickle

import numpy as np
import pytest

from planesched import EVENT, VM, Event, Outcome, Policy, Reason, presets

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
    vm = VM(planes=3, vcpus=2, policy="vsm")
    vm.run(records[:100])
    other = copied(vm)
    assert (other.planes, other.policy, other.now_ns) == (3, vm.policy, vm.now_ns)
    stats, same = vm.run(records[100:]), other.run(records[100:])
    assert stats.figures == same.figures
    assert np.array_equal(stats.latency, same.latency)
    assert np.array_equal(vm.state, other.state)
    vm.vcpus[0].step("irq", 1)
    vm.vcpus[0].step("nmi", 2)
    assert not np.array_equal(vm.state, other.state)


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
    stats = VM(planes=3, vcpus=2, policy="vsm").run(events())
    same = copied(stats)
    assert stats.events == 200
    assert stats.figures == same.figures
    assert np.array_equal(stats.latency, same.latency)
    assert (stats.elapsed_ns, stats.vcpus) == (same.elapsed_ns, same.vcpus)


def test_vcpu_shows_its_planes_as_a_person_reads_them():
    vcpu = VM(planes=3, vcpus=1, policy="vsm").vcpus[0]
    assert repr(vcpu) == "<vCPU 0: plane 0 running>"
    vcpu.cli(1)
    vcpu.irq(1)
    vcpu.irq(0)
    assert repr(vcpu) == "<vCPU 0: plane 1 running, 0 suspended, irq: 0,1, noint: 1>"
    vcpu.halt()
    assert repr(vcpu) == "<vCPU 0: plane 1 blocked, 0 suspended, halted: 1, irq: 0,1, noint: 1>"
    vcpu = VM(planes=2, vcpus=1, policy="kvm_user").vcpus[0]
    vcpu.call(1)
    assert repr(vcpu) == "<vCPU 0: plane 0 in userspace, 1 suspended>"
