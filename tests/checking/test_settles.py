"""With the default userspace scheduler exits come to an end, under every preset and near it.

A livelock of exits would be one in which no time passes: userspace enters a plane, the re-check
takes the vCPU out again, and so on. Every state that can be reached is looked at.
"""

from functools import cache

import pytest
from compare import policies

from planesched import check, presets

GUESTS = "irq,halt,call,return,mask,unmask,answer"
MORE = "nmi,intercept,cli,sti,start,stop,hold,release,force"


@cache
def compared(planes):
    """Give the policies by the preset that they are near to, each once.

    What has no meaning under the other fields is left at its default: that nothing looks at it is
    held by test_fields_without_a_meaning_are_not_looked_at.
    """
    seen, found = set(), {}
    for preset in presets():
        near = dict.fromkeys(map(policies.looked_at, policies.in_userspace(preset, planes)))
        found[preset] = [policy for policy in near if policy not in seen]
        seen.update(near)
    return found


def looked_at(preset, planes, events):
    """Look at every state of every such policy; give how many there were."""
    total = 0
    for policy in compared(planes)[preset]:
        # One thread: pytest-xdist's workers are as many as there are cores.
        report = check(policy, planes, events=events, properties="settles", threads=1)
        assert report.coverage.exhausted, str(policy)
        assert report.verdicts["settles"].holds, f"{policy}\n{report}"
        total += report.coverage.states
    return total


@pytest.mark.parametrize("planes", [2, 3])
@pytest.mark.parametrize("preset", presets())
def test_every_state_that_guests_lead_to(preset, planes):
    assert looked_at(preset, planes, GUESTS) > 1_000


@pytest.mark.exhaustive
@pytest.mark.parametrize(("planes", "more"), [(2, MORE), (3, "nmi,cli,sti")])
@pytest.mark.parametrize("preset", presets())
def test_every_state_that_the_host_leads_to_too(preset, planes, more):
    assert looked_at(preset, planes, f"{GUESTS},{more}") > 1_000_000
