"""The event mixes that the benchmarks run: closed loops, so that guests ask for what they may."""

import numpy as np

from planesched import EVENT, VM, Event

HALT, CALL, RETURN, IRQ = Event.HALT, Event.CALL, Event.RETURN, Event.IRQ


def closed_loop(policy, planes, vcpus, n, seed=1):
    """Make about `n` events, in rounds of one event for each vCPU in random order.

    Half are interrupts for a random plane; otherwise the plane that runs returns, calls or halts,
    and a blocked vCPU is woken. About a third of the events switch.
    """
    rng = np.random.default_rng(seed)
    vm = VM(policy, planes=planes, vcpus=vcpus)
    rounds = []
    for start in range(0, n, vcpus):
        events = np.zeros(vcpus, dtype=EVENT)
        events["time_ns"] = np.arange(start, start + vcpus) * 100
        events["vcpu"] = rng.permutation(vcpus)
        states = vm.state[events["vcpu"]]
        chance = rng.random(vcpus)
        events["kind"] = np.where(
            (chance < 0.5) | (states["status"] != 0),
            IRQ,
            np.where(
                states["current"] == 0,
                np.where(chance < 0.8, CALL, HALT),
                np.where(chance < 0.9, RETURN, np.where(chance < 0.95, CALL, HALT)),
            ),
        )
        irqs = events["kind"] == IRQ
        events["plane"][irqs] = rng.integers(0, planes, vcpus)[irqs]
        vm.run(events)
        rounds.append(events)
    return np.concatenate(rounds)


def repeated(n):
    """Make a sequence that a branch predictor learns: call, interrupt, return, return."""
    events = np.zeros(n, dtype=EVENT)
    events["kind"] = np.resize([CALL, IRQ, RETURN, RETURN], n)
    events["plane"] = np.resize([0, 2, 0, 0], n)
    return events
