"""The core does what the slow model does: every state of 2 planes, and samples of up to 16.

All 32 bytes of the state and the whole outcome are compared after each step, through `ps_step`
itself, and the slow model is compiled from the text of reference.py (tests/compare).
"""

import random

import pytest
from compare import policies
from compare.build import build, load

from planesched import VM, Policy, reference
from planesched.events import MASKS, Event
from planesched.presets import presets

WORDS = (*MASKS, "current", "status")
# With its asserts, and not with what a debug build has compiled.
C_OF_ITS_OWN = pytest.mark.python
EXAMPLE = Policy.preset("vsm", 2)


@pytest.fixture(scope="session")
def pair(made_once, tool_env):
    return load(made_once("pair", lambda to: build(to, tool_env)))


def shown(difference):
    """Give a difference as a readable text: the step, and both models' fields that differ."""
    before = dict(zip(WORDS, difference["before"], strict=True))
    lines = [f"{Event(difference['event']).name} {difference['plane']} in {before}"]
    for model in ("core", "reference"):
        after, outcome = difference[model]
        changed = {
            name: value
            for name, was, value in zip(WORDS, difference["before"], after, strict=True)
            if was != value
        }
        lines.append(f"{model}: changed {changed}, (was, now, reason, fault, flags) {outcome}")
    return "\n".join(lines)


def compare_every_state(pair, policy):
    both = pair.Pair(policy)
    agree = both.exhaust(policies.seeds(policy), *policies.followed(policy))
    assert agree, f"{policy}\n{shown(both.difference)}"
    assert both.states > 10_000


PRESETS = {name: policies.looked_at(Policy.preset(name, 2)) for name in presets()}


@C_OF_ITS_OWN
@pytest.mark.parametrize("preset", presets())
def test_every_reachable_state_of_two_planes(pair, preset):
    compare_every_state(pair, PRESETS[preset])


@pytest.mark.exhaustive
@pytest.mark.parametrize("preset", presets())
def test_every_reachable_state_one_field_away(pair, preset):
    others = [policy for policy in policies.compared()[preset] if policy not in PRESETS.values()]
    assert len(others) > 10
    for policy in others:
        compare_every_state(pair, policy)


@C_OF_ITS_OWN
@pytest.mark.parametrize("preset", presets())
def test_fields_without_a_meaning_are_not_looked_at(pair, preset):
    idle = [p for p in policies.neighbours(preset) if p != policies.looked_at(p)]
    assert idle
    for seed, policy in enumerate(idle):
        both = pair.Pair(policy)
        assert both.wander(2, 50_000, seed), f"{policy}\n{shown(both.difference)}"
        twin = pair.Pair(policies.looked_at(policy))
        assert both.same_core(twin, 50_000, seed)


@C_OF_ITS_OWN
def test_random_steps_of_random_policies(pair):
    draw = random.Random(20260608)
    n_steps = 0
    for _ in range(3_000):
        planes = draw.choice([1, 2, 3, 4, 8, 16, draw.randint(1, 16)])
        policy = policies.any_policy(draw, planes)
        both = pair.Pair(policy)
        agree = both.wander(planes, 1_000, draw.getrandbits(60))
        assert agree, f"{policy}\n{shown(both.difference)}"
        n_steps += both.steps
    assert n_steps == 3_000_000


@C_OF_ITS_OWN
def test_a_difference_is_found_and_shown(pair):
    """A pair whose halves run under different policies must not agree."""
    both = pair.Pair(EXAMPLE, EXAMPLE.replace(preempt="none"))
    assert not both.exhaust(policies.seeds(EXAMPLE), 0, 0, 0)
    assert both.difference["core"] != both.difference["reference"]
    assert "reference: changed" in shown(both.difference)


@C_OF_ITS_OWN
def test_the_compiled_slow_model_is_the_slow_model(pair):
    """What is compiled is also what Python runs: the same steps from both."""
    draw = random.Random(7)
    for _ in range(300):
        policy = policies.any_policy(draw, 3)
        state = reference.boot_state(policy, 3)
        both = pair.Pair(policy)
        for _ in range(20):
            event = draw.choice(list(Event))
            plane = draw.randrange(3)
            named = policies.takes_plane(policy, event)
            compiled = both.slow_step(state, event, plane)
            state, outcome = reference.step(policy, state, event, plane if named else -1)
            assert compiled == (state, tuple(outcome))


def test_the_public_vcpu_steps_like_the_reference():
    """The same through Python: names, planes, records and outcomes of the two surfaces."""
    draw = random.Random(11)
    for preset in presets():
        planes = draw.randint(2, 16)
        vm = VM(preset, planes=planes, vcpus=1)
        slow = reference.Reference(preset, planes)
        assert vm.state[0].tobytes() == slow.state.tobytes()
        for _ in range(400):
            event = draw.choice(list(Event)).name.lower()
            named = policies.takes_plane(slow.policy, Event[event.upper()])
            plane = draw.randrange(planes) if named else None
            fast, model = vm.vcpus[0].step(event, plane), slow.step(event, plane)
            for field in model._fields:
                assert getattr(fast, field) == getattr(model, field)
            assert vm.state[0].tobytes() == slow.state.tobytes()
            assert vm.vcpus[0].current == slow.current
            assert (vm.vcpus[0].blocked, vm.vcpus[0].user) == (slow.blocked, slow.user)


def in_userspace(policy, state):
    """Answer exits as the default userspace scheduler does; count the planes entered."""
    entered = 0
    while state[-1] & reference.USER:
        pick = reference.default_pick(policy, state)
        assert pick is not None
        entered += 1
        assert entered <= 3, "the exits do not end"
        asked = reference.prepare(policy, state, pick)
        state, _ = reference.step(policy, asked, Event.ENTER, pick)
    return state, entered


@pytest.mark.parametrize("preset", ["vsm", "openhcl", "tdx"])
def test_the_default_pick_in_userspace_is_the_kernels_pick(preset):
    """One policy scheduled by the kernel, and by userspace through exits, runs the same planes."""
    draw = random.Random(13)
    policy = Policy.preset(preset, 3)
    there = policy.replace(scheduler="user")
    entered = 0
    for _ in range(200):
        kernel, user = reference.boot_state(policy, 3), reference.boot_state(there, 3)
        for _ in range(12):
            event = draw.choice([Event.IRQ, Event.CALL, Event.RETURN, Event.MASK, Event.UNMASK])
            plane = draw.randrange(3) if policies.takes_plane(policy, event) else -1
            kernel, _ = reference.step(policy, kernel, event, plane)
            user, _ = reference.step(there, user, event, plane)
            user, n_entered = in_userspace(there, user)
            entered += n_entered
            assert user[-2] == kernel[-2], (event, plane)
    assert entered > 100
