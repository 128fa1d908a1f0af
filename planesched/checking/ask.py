"""Ask questions of every reachable state: does a property hold, and what would a field change.

The search itself is `planesched.checker`; docs/reference/checker.md says what each property means.

Longer than 300 lines because three public questions are documented here with all that they take.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..checks import plane_count, thread_count, vcpu_count, whole
from ..core import VM
from ..errors import Mistake, TypeMistake, Words
from ..events import Event
from ..irqchip import Controller
from ..layouts import EVENT, STATE
from ..policy import Policy
from ..policytext import Given, Several, as_policies, as_policy
from ..presets import presets
from .alphabet import Item, acts_of, assumed, parse_events
from .alphabets import ALPHABETS, DEFAULT
from .answers import coverage_of, further, judge, verdict_of
from .counterexample import Trace, TraceStep, make_trace
from .cures import behaved, single_fields
from .properties import EOI_OWED, PROPERTIES, Predicate, Property, choose
from .report import Coverage, DiffReport, Matrix, Report, Verdict
from .search import DELIVERY, INSIDE, MAX_VCPUS, SAME_CHOICE, Search
from .threads import Watched, drive
from .vectors import Chips, GivenVectors, as_chips, single_controllers, with_vectors

__all__ = [
    "ALPHABETS",
    "DEFAULT",
    "MAX_STATES",
    "PROPERTIES",
    "Coverage",
    "DiffReport",
    "Matrix",
    "Property",
    "Report",
    "Trace",
    "TraceStep",
    "Verdict",
    "check",
    "diff",
    "matrix",
]

MAX_STATES = 10_000_000
"""The bound of a search that names none: at most 640 MB."""


def check(
    policy: Given,
    planes: int = 2,
    vcpus: int = 1,
    *,
    events: str | Iterable[str] = DEFAULT,
    properties: str | Iterable[str | Predicate] | None = None,
    max_states: int = MAX_STATES,
    threads: int | None = None,
    from_states: NDArray[np.void] | None = None,
    assume: str | Iterable[str] = (),
    every: bool = False,
    cure: bool = False,
    vectors: GivenVectors | None = None,
    tpr: bool = False,
    controller: Controller | str | None = None,
    progress: Watched = None,
) -> Report:
    """Search every state that can be reached, and say which properties hold in all of them.

    Parameters
    ----------
    policy : Policy, str or path-like
        How planes are scheduled: ``"vsm"``, ``"vsm:ret=resume"``, a TOML file.
    planes, vcpus : int
        How many planes each vCPU has, 1..16, and how many vCPUs there are, 1..5; a state of all
        of them is packed into at most 40 bytes.
    events : str or iterable of str
        What may happen (docs/reference/checker.md): names of alphabets or events, ``"irq 1"`` for
        one plane only, ``"halt 0"`` for one that only plane 0 does, ``"+nmi"`` and ``"-cli"`` to
        change the default.
    properties : str or iterable of str or callable, optional
        Names out of `PROPERTIES`, all by default; a callable is given each state (a record of
        dtype STATE; with several vCPUs an array of them) and tells whether it is good. The search
        ends early once everything that is asked is broken, `delivery` and `progress` aside.
    max_states : int
        Stop when so many states are stored, or a few thousand more; then what is not broken is
        not told.
    threads : int, optional
        As many as the process may use, by default. The answers do not depend on it.
    from_states : ndarray, dtype STATE, shape (n,) or (n, vcpus), optional
        Where to begin; at boot, by default. A state is dispatched before it is judged, so that
        what was saved and restored is looked at as a system would look at it.
    assume : str or iterable of str, optional
        ``"only=0:halt"``: of the planes only 0 halts.
    every : bool
        Whether to give, beside the first, one more way for each distinct last step and plane.
    cure : bool
        Whether to look which single field of the policy, or of the controller, makes each broken
        property hold.
    vectors : str, iterable of int, or mapping of int to such, optional
        Up to three vectors a plane, ``"0x31,0x51"`` or by plane: each then has an interrupt
        controller, an ``irq`` brings one of them, and `eoi_owed` is asked too.
    tpr : bool
        Whether guests set TPR, to 0 and to the class of each of their vectors.
    controller : Controller or str, optional
        How the controllers are set up, as of `VM`.
    progress : callable, optional
        Called about ten times a second with the part of `max_states` that is used, 0..1, and the
        states so far.

    Returns
    -------
    Report
        Also after Ctrl-C, with what was found until then and ``coverage.interrupted`` set.

    Raises
    ------
    ValueError
        If a name is unknown, a number out of range, or a state none of a vCPU.
    TypeError
        If an argument is of the wrong type.
    MemoryError
        If there is not enough memory for `max_states`.

    Examples
    --------
    >>> check("vsm", planes=2, properties="priority").holds
    True
    """
    planes = plane_count(planes)
    policy = as_policy(policy, planes)
    items = assumed(parse_events(events), assume)
    if vectors is not None:
        items = with_vectors(items, events, tpr)
    chips = as_chips(vectors, tpr, [controller], planes, items)
    vcpus = vcpu_count(vcpus, MAX_VCPUS if chips is None else 1)
    asked = _Asked(policy, planes, vcpus, _bound(max_states), thread_count(threads), chips)
    roots = _roots(policy, planes, vcpus, from_states, chips)
    chosen, predicates = choose(properties, vectors=chips is not None)
    report = _answer(asked, items, chosen, predicates, roots, every, progress)
    if report.coverage.interrupted:
        return report
    broken = [item for item in chosen if report.verdicts[item.name].holds is False]
    verdicts = dict(report.verdicts)
    try:
        _blame(asked, items, broken, roots, verdicts)
        if cure:
            _cure(asked, items, broken, roots, verdicts)
    except KeyboardInterrupt:
        coverage = replace(report.coverage, interrupted=True)
        return replace(report, verdicts=verdicts, coverage=coverage)
    return replace(report, verdicts=verdicts)


@dataclass(frozen=True)
class _Asked:
    policy: Policy
    planes: int
    vcpus: int
    most: int
    threads: int
    chips: Chips | None = None


def _answer(
    asked: _Asked,
    items: Sequence[Item],
    chosen: Sequence[Property],
    predicates: Mapping[str, Predicate],
    roots: NDArray[np.void] | None,
    every: bool = False,
    progress: Watched = None,
) -> Report:
    """Search once; once more for `unaided`, in which calls help nobody, and for `eoi_owed`."""
    policy, planes, vcpus = asked.policy, asked.planes, asked.vcpus
    usual = [item for item in chosen if item.number >= 0]
    search = _made(asked, items, usual, roots)
    run = drive(search, asked.most, asked.threads, progress, early=not predicates)
    coverage = coverage_of(search, run)
    verdicts = {}
    for item in chosen:
        by, ran = search, run
        if item.number < 0:
            owed = item.number == EOI_OWED
            item = replace(item, number=DELIVERY)
            by = _made(asked, items, [item], roots, unaided=not owed, owed=owed)
            ran = drive(by, asked.most, asked.threads, progress, early=False)
        verdict = verdict_of(by, item, policy, planes, ran)
        if every and verdict.holds is False:
            verdict = replace(verdict, more=further(by, item, policy, planes, verdict))
        verdicts[item.name] = verdict
    verdicts |= {name: Verdict(name, None) for name in predicates}
    try:
        for name, predicate in predicates.items():
            verdicts[name] = judge(search, name, predicate, policy, planes)
    except KeyboardInterrupt:
        coverage = replace(coverage, interrupted=True)
    words = tuple(map(str, items))
    return Report(policy, planes, vcpus, words, verdicts, coverage, asked.chips)


def _made(
    asked: _Asked,
    items: Sequence[Item],
    chosen: Sequence[Property],
    roots: NDArray[np.void] | None,
    unaided: bool = False,
    owed: bool = False,
) -> Search:
    chips = asked.chips
    acts, locks, asks = acts_of(items, [asked.policy], asked.planes, asked.vcpus, chips)
    if unaided and not asked.policy.hands_over:
        acts["how"][acts["kind"] == Event.CALL] &= ~np.uint8(INSIDE)
    wanted = sum(1 << item.number for item in chosen)
    if chips is not None:
        chips = replace(chips, owed=owed)
    search = Search([asked.policy], asked.planes, asked.vcpus, acts, wanted, locks, asks, chips)
    for row in search.boot().reshape(1, -1) if roots is None else roots:
        search.add_root(row)
    return search


def _blame(
    asked: _Asked,
    items: Sequence[Item],
    broken: Sequence[Property],
    roots: NDArray[np.void] | None,
    verdicts: dict[str, Verdict],
) -> None:
    """Say whose doing it is: a guest's, where it holds as long as all keep their own rules."""
    tame = behaved(items)
    if asked.chips is not None and not any(item.name == "eoi" for item in items):
        tame = (*tame, Item("eoi"))
    held: set[str] = set()
    if broken and tame != tuple(items):
        report = _answer(asked, tame, broken, {}, roots)
        held = {item.name for item in broken if report.verdicts[item.name].holds}
    for item in broken:
        whose = "guest" if item.name in held else "policy"
        verdicts[item.name] = replace(verdicts[item.name], whose=whose)


def _cure(
    asked: _Asked,
    items: Sequence[Item],
    broken: Sequence[Property],
    roots: NDArray[np.void] | None,
    verdicts: dict[str, Verdict],
) -> None:
    """Try every policy, and every controller, that differs in one field alone."""
    found: dict[str, list[str]] = {item.name: [] for item in broken}
    others = [
        (change, replace(asked, policy=policy))
        for change, policy in single_fields(asked.policy, asked.planes)
    ]
    if asked.chips is not None:
        chips = single_controllers(asked.chips)
        others += [(change, replace(asked, chips=setup)) for change, setup in chips]
    for change, other in others if broken else ():
        report = _answer(other, items, broken, {}, roots)
        for item in broken:
            if report.verdicts[item.name].holds:
                found[item.name].append(change)
    for name, changes in found.items():
        verdicts[name] = replace(verdicts[name], cures=tuple(changes))


def diff(
    first: Given,
    second: Given,
    planes: int = 2,
    *,
    events: str | Iterable[str] = "hostile",
    max_states: int = MAX_STATES,
    threads: int | None = None,
    from_states: NDArray[np.void] | None = None,
    assume: str | Iterable[str] = (),
    labels: tuple[str, str] | None = None,
    vectors: GivenVectors | None = None,
    tpr: bool = False,
    controller: Controller | str | Sequence[Controller | str] | None = None,
    progress: Watched = None,
) -> DiffReport:
    """Find the shortest event sequence after which two policies do different things.

    Both do every event in lockstep, from boot on, for as long as their outcomes are equal.

    Parameters
    ----------
    first, second : Policy or str
        The policies, as of `check`.
    planes, events, max_states, threads, assume, progress
        As of `check`; the alphabet is ``hostile`` by default.
    from_states : ndarray, dtype STATE, shape (n,), optional
        Where both begin; at boot, by default.
    labels : (str, str), optional
        What to call the two in the report; A and B by default.
    vectors, tpr : optional
        As of `check`.
    controller : Controller or str, or two of them, optional
        How the controllers of both are set up, or of each.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `check`.

    Examples
    --------
    >>> vsm = Policy.preset("vsm")
    >>> list(dict.fromkeys(step.do for step in diff(vsm, vsm.replace(gate="open")).trace.steps))
    ['irq 1', 'mask 1', 'return']
    """
    planes = plane_count(planes)
    policies = (as_policy(first, planes, "first"), as_policy(second, planes, "second"))
    items = assumed(parse_events(events, "hostile"), assume)
    if vectors is not None:
        items = with_vectors(items, events, tpr)
    chips = as_chips(vectors, tpr, _both(controller), planes, items)
    acts, _, _ = acts_of(items, policies, planes, 1, chips)
    search = Search(policies, planes, 2, acts, 1 << SAME_CHOICE, chips=chips)
    if chips is not None and from_states is not None:
        raise _only_boot()
    for row in [search.boot()] if from_states is None else _pairs(policies, planes, from_states):
        search.add_root(row)
    run = drive(search, _bound(max_states), thread_count(threads), progress)
    found = search.found(SAME_CHOICE)
    trace = None
    if found is not None:
        state, act = found
        trace = make_trace(search, policies, planes, state, [] if act is None else [act])
    coverage = coverage_of(search, run)
    words = tuple(map(str, items))
    return DiffReport(
        policies, planes, words, search.differing, trace, coverage, labels or ("A", "B"), chips
    )


def _both(
    controller: Controller | str | Sequence[Controller | str] | None,
) -> list[Controller | str | None]:
    if controller is None or isinstance(controller, Controller | str):
        return [controller]
    if len(controller) != 2:
        raise Mistake("controller", controller, "one, or two")
    return [*controller]


def _only_boot() -> Mistake:
    return Mistake("from_states", Words("states, with vectors"), "boot: controllers are as there")


def _pairs(
    policies: tuple[Policy, Policy], planes: int, states: NDArray[np.void]
) -> list[NDArray[np.void]]:
    """Return each state for both policies; what a dispatch makes of it under each is compared."""
    both = [_roots(policy, planes, 1, states.reshape(-1)) for policy in policies]
    assert both[0] is not None
    assert both[1] is not None
    return [np.concatenate(pair) for pair in zip(*both, strict=True)]


def matrix(
    policies: Several | None = None,
    planes: int = 2,
    vcpus: int = 1,
    *,
    events: str | Iterable[str] = DEFAULT,
    properties: str | Iterable[str | Predicate] | None = None,
    max_states: int = MAX_STATES,
    threads: int | None = None,
    from_states: NDArray[np.void] | None = None,
    assume: str | Iterable[str] = (),
    every: bool = False,
    cure: bool = False,
    vectors: GivenVectors | None = None,
    tpr: bool = False,
    controller: Controller | str | None = None,
    progress: Watched = None,
) -> Matrix:
    """Check several policies, all presets by default, for all properties.

    Parameters
    ----------
    policies : policy, or iterable or mapping of policies, optional
        One or several; a mapping gives labels.
    planes, vcpus, events, properties, max_states, threads, from_states, assume, every, cure, \
    vectors, tpr, controller, progress
        As of `check`. After Ctrl-C, the result has the policies until then, and names the others.

    Raises
    ------
    ValueError
        If there is no policy; and as of `check`.
    """
    named = as_policies(tuple(presets()) if policies is None else policies, plane_count(planes))
    reports = {}
    for name, policy in named.items():
        reports[name] = check(
            policy, planes, vcpus, events=events, properties=properties, max_states=max_states,
            threads=threads, from_states=from_states, assume=assume, every=every, cure=cure,
            vectors=vectors, tpr=tpr, controller=controller, progress=progress,
        )  # fmt: skip
        if reports[name].coverage.interrupted:
            break
    return Matrix(reports, tuple(named)[len(reports) :])


def _bound(max_states: int) -> int:
    return whole("max_states", max_states, 1, 2**32 - 1)


def _roots(
    policy: Policy,
    planes: int,
    vcpus: int,
    states: NDArray[np.void] | None,
    chips: Chips | None = None,
) -> NDArray[np.void] | None:
    """Return where to begin, shape (n, vcpus), each state dispatched once; None: at boot."""
    if states is None:
        return None
    if chips is not None:
        raise _only_boot()
    if not isinstance(states, np.ndarray) or states.dtype != STATE:
        found = Words(f"a {type(states).__name__}")
        raise TypeMistake("from_states", found, "an ndarray of dtype STATE")
    wanted = ((vcpus,),) if vcpus > 1 else ((), (1,))
    if states.size == 0 or states.size % vcpus or states.shape[1:] not in wanted:
        expected = f"(n, {vcpus})" if vcpus > 1 else "(n,) or (n, 1)"
        raise Mistake("from_states.shape", states.shape, expected)
    vm = VM(policy, planes=planes, vcpus=states.size)
    vm.state = states.reshape(-1)
    events = np.zeros(states.size, dtype=EVENT)
    events["vcpu"] = np.arange(states.size)
    events["kind"] = Event.RESCHED
    vm.run(events)  # it looks at the states first
    return vm.state.reshape(-1, vcpus).copy()
