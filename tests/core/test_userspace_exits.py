"""One policy in userspace: the default scheduler's answers end (rules, 3.5).

A livelock of exits would be one in which no time passes: userspace enters a plane, the re-check
takes the vCPU out again, and so on. No preset does that, nor one with a single field changed: here
on random walks with every event, in tests/checking/test_settles.py by search.
"""

import random

import pytest
from compare import policies

from planesched import VM, Event
from planesched.events import takes_plane
from planesched.presets import presets

MOST_EXITS = 5


def answered(vcpu):
    """Answer as the default scheduler does until the vCPU runs or it waits; count the exits."""
    exits = 0
    while vcpu.user and vcpu.default_pick() is not None:
        exits += 1
        assert exits <= MOST_EXITS, "the exits do not end"
        vcpu.answer()
    return exits


@pytest.mark.parametrize("planes", [2, 3])
@pytest.mark.parametrize("preset", presets())
def test_answers_end_on_random_walks(preset, planes):
    draw = random.Random(f"{preset} {planes}")
    events = [event for event in Event if event != Event.ENTER]
    most = 0
    for policy in policies.in_userspace(preset, planes):
        vcpu = VM(policy, planes=planes).vcpus[0]
        for _ in range(400):
            event = draw.choice(events)
            named = takes_plane(event, call_takes_plane=policy.hands_over)
            vcpu.step(event, draw.randrange(planes) if named else None)
            most = max(most, answered(vcpu))
    assert most >= 1
