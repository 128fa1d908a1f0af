"""A vCPU of the core and one of the slow model are led through the same life by hypothesis."""

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from planesched import MAX_PLANES, VM, Event, Flags, Policy, Reason
from planesched.algorithm import Algorithm
from planesched.events import MASKS, takes_plane
from planesched.layouts import STATE
from planesched.policy import ENUMS, Scheduler
from planesched.reference import BLOCKED, USER, Reference


def lottery(state, base, pre, event, memory):
    """Draw one of the planes that could run."""
    memory[0] = memory[0] * 1103515245 + 12345 & 0x7FFFFFFF
    planes = [plane for plane in range(MAX_PLANES) if (base | pre) >> plane & 1]
    return planes[(memory[0] >> 8) % len(planes)]


def forced(state, base, pre, event):
    """Prefer what an event brings in, and otherwise the current plane."""
    if not pre and base >> int(state["current"]) & 1:
        return int(state["current"])
    return (pre or base).bit_length() - 1


ALGORITHMS = ["rank", "round_robin", Algorithm(lottery, memory=np.array([7])), Algorithm(forced)]
PLANES = st.integers(0, MAX_PLANES - 1)
SETS = st.integers(0, (1 << MAX_PLANES) - 1)


@st.composite
def policies(draw, planes):
    """Any valid policy of that many planes."""
    fields = {name: draw(st.sampled_from(enum)) for name, enum in ENUMS.items()}
    fields["marker"] = draw(st.none() | st.integers(0, planes - 1))
    fields["boot"] = draw(st.integers(0, planes - 1))
    for name in ("rearm", "refuse_pending", "vina_auto_reset"):
        fields[name] = draw(st.booleans())
    if fields["scheduler"] == Scheduler.kernel:
        fields["algorithm"] = draw(st.sampled_from(ALGORITHMS))
    fields["accelerated"] = draw(st.sets(st.sampled_from([r for r in Reason if r])))
    try:
        return Policy(**fields)
    except ValueError:
        assume(False)


class Life(RuleBasedStateMachine):
    @initialize(data=st.data(), planes=st.integers(1, MAX_PLANES))
    def boot(self, data, planes):
        policy = data.draw(policies(planes))
        online = data.draw(st.sets(st.integers(0, planes - 1))) | {policy.boot}
        self.planes, self.policy = planes, policy
        self.vm = VM(policy, planes=planes, vcpus=1, online=sorted(online))
        self.slow = Reference(policy, planes, sorted(online))

    @rule(event=st.sampled_from(Event), plane=PLANES)
    def step(self, event, plane):
        named = takes_plane(event, call_takes_plane=self.policy.hands_over)
        target = plane % self.planes if named else None
        before = self.slow.state
        fast, slow = self.vm.vcpus[0].step(event, target), self.slow.step(event, target)
        for field in slow._fields:
            assert getattr(fast, field) == getattr(slow, field)
        if slow.fault:
            assert self.slow.state == before
        assert bool(slow.flags & Flags.SWITCHED) == (slow.was != slow.now)

    @rule(name=st.sampled_from([m for m in MASKS if m != "online"]), planes=SETS)
    def set_by_hand(self, name, planes):
        record = self.slow.state
        record[name] = planes & (1 << self.planes) - 1
        self.slow.state = record
        self.vm.state[0] = record

    @invariant()
    def both_have_the_same_bytes(self):
        assert self.vm.state[0].tobytes() == self.slow.state.tobytes()

    @invariant()
    def the_state_is_well_formed(self):
        state = self.slow.state
        assert state.dtype == STATE
        assert state["status"] != USER | BLOCKED
        assert 0 <= state["current"] < self.planes
        assert state["online"] != 0


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestLife = Life.TestCase
