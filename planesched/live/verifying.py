"""Random acts on a machine and on the core: equal after each, or where they first differ."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..checks import plane_count, whole
from ..conformance.chips import EVERY_VECTOR, read_controller
from ..conformance.run import Case, Step, answer, nearest
from ..core import VM
from ..errors import Mistake
from ..events import ChipEvent, Event, Notes
from ..irqchip import Controller
from ..policy import Policy
from ..policytext import Given, as_policy
from .host import open_machine, probe
from .planes import GUEST, LivePlanes, Shown
from .verified import Difference, Verified

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["verify"]

WALK = 100
"""Acts before the machine and the model begin anew: what a difference takes is never longer."""

_VECTORS = (0x21, 0x2F, 0x31, 0x35, 0x42, 0x51, 0x58, 0x93, 0xF3)
_GUESTS = [Event.HALT, Event.CALL, Event.RETURN] * 4 + [ChipEvent.EOI] * 4 + [ChipEvent.TPR] * 3
_GUESTS += [Event.CLI, Event.STI, Event.STI]
# What stops a plane for good is rarer than what lets it go on.
_HOSTS = [Event.IRQ] * 24 + [Event.START, Event.RELEASE] * 3 + [
    Event.STOP, Event.FORCE, Event.HOLD, Event.INTERCEPT, Event.VINA_ON, Event.VINA_OFF,
    Event.VINA_CLEAR, Event.LOCK, Event.RESCHED,
]  # fmt: skip
_WITHOUT_PLANE = {Event.HALT, Event.RETURN, Event.RESCHED}


class Act(NamedTuple):
    """One act: an event, the plane it names and its vector or value; no event is an answer."""

    event: int | None
    plane: int | None = None
    argument: int | None = None

    def __str__(self) -> str:
        if self.event is None:
            return "answer"
        kind = ChipEvent if self.event >= min(ChipEvent) else Event
        words = [kind(self.event).name.lower()]
        words += [] if self.plane is None else [str(self.plane)]
        words += [] if self.argument is None else [hex(self.argument)]
        return " ".join(words)


class _Setup(NamedTuple):
    """What a walk runs on: the machine, how it is scheduled, and what is held against it."""

    machine: "Machine"
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
    host = probe()
    setting: Any = {"auto_eoi": EVERY_VECTOR} if host.auto_eoi else "lapic"
    done, walks, vectors = 0, 0, 0
    difference, partial = None, False
    with open_machine(n_planes) as machine:
        setup = _Setup(machine, by, model, read_controller(setting) or Controller())
        try:
            while done < acts and difference is None:
                rng = random.Random(f"{seed} {walks}")
                walk = _Walk(setup)
                for _ in range(min(WALK, acts - done)):
                    act = walk.draw(rng)
                    done += 1
                    if not walk.do(act):
                        difference = _shortened(setup, walk, setting)
                        break
                walks, vectors = walks + 1, vectors + walk.vectors
                if progress is not None and walks % 8 == 0:
                    progress(done / acts, done)
        except KeyboardInterrupt:
            partial = True
    return Verified(
        policy=policy if isinstance(policy, str) else nearest(model, n_planes)[0],
        planes=n_planes, acts=done, seed=seed, walks=walks, vectors=vectors,
        difference=difference, partial=partial, host=host,
    )  # fmt: skip


class _Walk:
    """Acts from a start on, on the machine and in the core."""

    def __init__(self, setup: _Setup) -> None:
        machine, scheduled, policy, controller = setup
        self.planes = machine.planes
        self.hands_over = scheduled.hands_over
        self.live = LivePlanes(machine, scheduled, controller)
        vm = VM(policy, self.planes, controller=controller)
        self.core = vm.vcpus[0]
        self.script: list[Act] = []
        self.steps: list[str] = []
        self.vectors = 0
        self.shown: Shown | None = None
        self.found: dict[str, Any] = {}

    def draw(self, rng: random.Random) -> Act:
        """Draw what happens next: what guests do, where one runs, and what the host does."""
        vcpu = self.live.slow.vcpu
        current = vcpu.current
        if vcpu.user and rng.random() < 0.6:
            return Act(None)
        runs = not (vcpu.user or vcpu.blocked)
        event: int = rng.choice(_GUESTS if runs and rng.random() < 0.5 else _HOSTS)
        if event == Event.CALL:
            return Act(event, rng.randrange(self.planes) if self.hands_over else None)
        if event == Event.IRQ:
            few = rng.random() < 0.5
            vector = rng.choice(_VECTORS) if few else rng.randrange(16, 256)
            return Act(event, rng.randrange(self.planes), vector)
        if event in GUEST and event not in _WITHOUT_PLANE:
            value = rng.randrange(256) if rng.random() < 0.5 else 0
            return Act(event, current, value if event == ChipEvent.TPR else None)
        return Act(event, None if event in _WITHOUT_PLANE else rng.randrange(self.planes))

    def do(self, act: Act) -> bool:
        """Do an act, and look again while there is more to take; tell whether all is equal."""
        self.script.append(act)
        was_blocked = self.live.slow.vcpu.blocked
        equal, more = self._step(act)
        if was_blocked and not self.live.slow.vcpu.blocked:
            more = True  # After a block the host looks once more before guests go on.
        while equal and more:
            equal, more = self._step(Act(Event.RESCHED))
        return equal

    def _step(self, act: Act) -> tuple[bool, bool]:
        if not self._possible(act):
            return True, False
        self.steps.append(str(act))
        expected = self.live.act(*act)
        if act.event is None:
            outcome = answer(self.core)
        else:
            outcome = self.core.step(act.event, act.plane, act.argument)
        shown = self.live.shown()
        self.vectors += len(shown.vectors)
        self.shown, self.found = shown, _held(self.core, outcome, self.planes)
        return _showed(shown) == self.found and not shown.odd and self._same_noint(), bool(
            expected.notes & Notes.MORE
        )

    def _possible(self, act: Act) -> bool:
        """Tell whether it can be done: a guest that does not run does nothing to its APIC."""
        vcpu = self.live.slow.vcpu
        if act.event is None:
            return vcpu.user
        if act.event not in GUEST or act.event in (Event.HALT, Event.CALL, Event.RETURN):
            return True
        return act.plane == vcpu.current and not (vcpu.user or vcpu.blocked)

    def _same_noint(self) -> bool:
        shown = self.shown
        if shown is None or shown.noint is None:
            return True
        return bool(int(self.core.state["noint"]) >> shown.run & 1) == shown.noint


def _showed(shown: Shown) -> dict[str, Any]:
    """Give what the machine showed, in the words of case files."""
    return {
        "run": shown.run,
        "blocked": shown.blocked,
        "user": shown.user,
        "vector": shown.vectors[0] if len(shown.vectors) == 1 else 0 if not shown.vectors else -1,
        "irr": [list(chip.irr) for chip in shown.chips],
        "isr": [list(chip.isr) for chip in shown.chips],
        "tpr": [chip.tpr for chip in shown.chips],
        "ppr": [chip.ppr for chip in shown.chips],
    }


def _held(core: Any, outcome: Any, planes: int) -> dict[str, Any]:
    """Give what the core has, in the same words."""
    chips = [core.chip(plane) for plane in range(planes)]
    return {
        "run": int(outcome.now),
        "blocked": core.blocked,
        "user": core.user,
        "vector": int(outcome.vector),
        "irr": [list(chip.irr) for chip in chips],
        "isr": [list(chip.isr) for chip in chips],
        "tpr": [chip.tpr & 0xF0 for chip in chips],
        "ppr": [chip.ppr & 0xF0 for chip in chips],
    }


def _differs(setup: _Setup, script: Sequence[Act]) -> _Walk | None:
    """Do acts from a new start; give the walk at its first difference, if there is one."""
    walk = _Walk(setup)
    return walk if any(not walk.do(act) for act in script) else None


def _without_some(script: Sequence[Act], many: int) -> Iterator[list[Act]]:
    """Leave out so many acts, from the last on; the very last one is what differs."""
    for end in range(len(script) - 1, 0, -many):
        yield [*script[: max(0, end - many)], *script[end:]]


def _shortened(setup: _Setup, walk: _Walk, setting: Any) -> Difference:
    """Leave out every act without which the machine and the core differ too."""
    best, many = walk, len(walk.script) // 2
    while many:
        shorter = (_differs(setup, script) for script in _without_some(best.script, many))
        found = next((each for each in shorter if each is not None), None)
        best = found or best
        many = min(many, len(best.script) - 1) if found else many // 2
    assert best.shown is not None
    showed = _showed(best.shown)
    keys = [key for key in showed if showed[key] != best.found[key]]
    preset, changed = nearest(setup.policy, setup.machine.planes)
    return Difference(
        keys=tuple(keys),
        odd=best.shown.odd,
        machine=showed,
        core=best.found,
        case=Case(
            id=f"live-{preset}",
            title="what planes did on a real KVM",
            preset=preset,
            policy=changed,
            planes=setup.machine.planes,
            controller=setting,
            steps=[*(Step(do) for do in best.steps[:-1]), Step(best.steps[-1], showed)],
            basis="test",
            source="planesched live verify",
        ),
    )
