"""Random acts on a machine and on the core: equal after each, or where they first differ."""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..checks import plane_count, whole
from ..conformance.chips import EVERY_VECTOR, read_controller
from ..conformance.run import Case, Step, nearest
from ..errors import Mistake
from ..irqchip import Controller
from ..policy import Policy
from ..policytext import Given, as_policy
from .host import open_machine, probe
from .planes import carry_out
from .verified import Difference, Verified
from .walking import WALK, Act, Carry, Walk, showed

__all__ = ["verify"]


class _Setup(NamedTuple):
    """What a walk runs on: the machine, how it is scheduled, and what is held against it."""

    carry_out: Carry
    planes: int
    scheduled: Policy
    policy: Policy
    controller: Controller


def verify(
    policy: Given = "vsm",
    planes: int = 3,
    acts: int = 10_000,
    seed: int = 1,
    *,
    scheduled: Given | None = None,
    progress: Callable[[float, int], object] | None = None,
) -> Verified:
    """Hold the core against planes that run for real.

    The planes run on this host's KVM, scheduled by the slow model; the same happens to the core.
    After each act the plane that runs, the vectors taken, IRR, ISR and the classes of TPR and PPR
    of every plane, read from KVM, are those that the core has.

    Parameters
    ----------
    policy : Policy, str or path-like
        How the core schedules.
    planes : int
        How many planes there are, 1..16.
    acts : int
        How many acts, interrupts and commands of guests, at random.
    seed : int
        Of the acts.
    scheduled : Policy, str or path-like, optional
        How the machine's planes are scheduled, if that is to be another policy.
    progress : callable, optional
        Called now and then with the part that is done, 0..1, and the acts done so far.

    Returns
    -------
    Verified
        ``status`` is 0 if all was equal, else 1, with the first difference in few steps. On Ctrl-C,
        what was done, with ``partial``.

    Raises
    ------
    LiveError
        If planes cannot run here, or a guest ended otherwise than by its commands.
    ValueError, TypeError, InputError
        If a policy or a number is wrong.
    """
    n_planes = plane_count(planes)
    acts = whole("acts", acts, 1, 10**12)
    model = as_policy(policy, n_planes)
    by = model if scheduled is None else as_policy(scheduled, n_planes)
    if by.hands_over != model.hands_over:
        expected = "a policy whose calls name a plane, or do not, as those of the other"
        raise Mistake("scheduled", str(by.as_dict()["call"]), expected)
    host = probe().check()
    setting: Any = {"auto_eoi": EVERY_VECTOR} if host.auto_eoi else "lapic"
    done, walks, vectors = 0, 0, 0
    difference, stopped = None, False
    with open_machine(n_planes, passes_eoi=host.auto_eoi) as machine:
        setup = _Setup(
            partial(carry_out, machine), n_planes, by, model,
            read_controller(setting) or Controller(),
        )  # fmt: skip
        try:
            while done < acts and difference is None:
                rng = random.Random(f"{seed} {walks}")
                walk = _walk(setup)
                for _ in range(min(WALK, acts - done)):
                    act = walk.draw(rng)
                    done += 1
                    if not walk.do(act, setup.carry_out):
                        difference = _shortened(setup, walk, setting)
                        break
                walks, vectors = walks + 1, vectors + walk.vectors
                if progress is not None and walks % 8 == 0:
                    progress(done / acts, done)
        except KeyboardInterrupt:
            stopped = True
    return Verified(
        policy=policy if isinstance(policy, str) else nearest(model, n_planes)[0],
        planes=n_planes, acts=done, seed=seed, walks=walks, vectors=vectors,
        difference=difference, partial=stopped, host=host,
    )  # fmt: skip


def _walk(setup: _Setup) -> Walk:
    """Begin a walk."""
    walk = Walk(setup.planes, setup.scheduled, setup.policy, setup.controller)
    walk.begin(setup.carry_out)
    return walk


def _differs(setup: _Setup, script: Sequence[Act]) -> Walk | None:
    """Do acts from a new start; give the walk at its first difference, if there is one."""
    walk = _walk(setup)
    return walk if any(not walk.do(act, setup.carry_out) for act in script) else None


def _without_some(script: Sequence[Act], many: int) -> Iterator[list[Act]]:
    """Leave out so many acts, from the last on; the very last one is what differs."""
    for end in range(len(script) - 1, 0, -many):
        yield [*script[: max(0, end - many)], *script[end:]]


def _shortened(setup: _Setup, walk: Walk, setting: Any) -> Difference:
    """Leave out every act without which the machine and the core differ too."""
    best, many = walk, len(walk.script) // 2
    while many:
        shorter = (_differs(setup, script) for script in _without_some(best.script, many))
        found = next((each for each in shorter if each is not None), None)
        best = found or best
        many = min(many, len(best.script) - 1) if found else many // 2
    assert best.shown is not None
    machine = showed(best.shown)
    keys = [key for key in machine if machine[key] != best.found[key]]
    preset, changed = nearest(setup.policy, setup.planes)
    return Difference(
        keys=tuple(keys),
        odd=best.shown.odd,
        machine=machine,
        core=best.found,
        case=Case(
            id=f"live-{preset}",
            title="what planes did on a real KVM",
            preset=preset,
            policy=changed,
            planes=setup.planes,
            controller=setting,
            steps=[*(Step(do) for do in best.steps[:-1]), Step(best.steps[-1], machine)],
            basis="test",
            source="planesched live verify",
        ),
    )
