"""Ask questions of every reachable state: does a property hold, and what would a field change.

The search itself is `planesched.checker`; docs/checker.md says what each property means.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checker import DELIVERY, MAX_VCPUS, N_LOCAL, PROGRESS, Search
from ..core import VM
from ..events import EVENT, STATE
from ..policy import Policy, plane_count
from ..presets import presets
from .alphabet import DEFAULT, GROUPS, Item, acts_of, parse_events
from .engine import Progress, Run, drive, thread_count
from .properties import PROPERTIES, Predicate, Property, choose
from .report import Coverage, DiffReport, Matrix, Report, Verdict
from .trace import Trace, TraceStep, make_trace

__all__ = [
    "DEFAULT",
    "GROUPS",
    "MAX_STATES",
    "PROPERTIES",
    "Coverage",
    "DiffReport",
    "Matrix",
    "Progress",
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

_SAME_CHOICE = 5
_Watch = Callable[[Progress], object] | None


def check(
    policy: Policy | str,
    planes: int = 2,
    vcpus: int = 1,
    *,
    events: str | Iterable[str] = DEFAULT,
    properties: str | Iterable[str | Predicate] | None = None,
    max_states: int = MAX_STATES,
    threads: int | None = None,
    from_states: NDArray[np.void] | None = None,
    progress: _Watch = None,
) -> Report:
    """Search every state that can be reached, and say which properties hold in all of them.

    Parameters
    ----------
    policy : Policy or str
        How planes are scheduled; a str names a preset.
    planes, vcpus : int
        How many planes each vCPU has, 1..16, and how many vCPUs there are, 1..5; a state of all
        of them is packed into at most 40 bytes.
    events : str or iterable of str
        What may happen (docs/checker.md): names of events or groups, ``"irq 1"`` for one plane
        only, ``"+nmi"`` and ``"-cli"`` to change the default.
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
        Where to begin; at boot, by default.
    progress : callable, optional
        Called about ten times a second with a `Progress`.

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
    policy = _policy(policy, planes)
    items = parse_events(events)
    acts, locks = acts_of(items, [policy], planes, _vcpu_count(vcpus))
    chosen, predicates = choose(properties)
    wanted = sum(1 << item.number for item in chosen)
    search = Search([policy], planes, vcpus, acts, wanted, locks)
    _add_roots(search, policy, planes, vcpus, from_states)
    count = thread_count(threads)
    run = drive(search, wanted, _bound(max_states), count, progress, early=not predicates)
    coverage = _coverage(search, run)
    verdicts = {item.name: _verdict(search, item, policy, planes, run) for item in chosen}
    for name, predicate in predicates.items():
        verdicts[name] = _judge(search, name, predicate, policy, planes)
    return Report(policy, planes, vcpus, tuple(map(str, items)), verdicts, coverage)


def diff(
    first: Policy | str,
    second: Policy | str,
    planes: int = 2,
    *,
    events: str | Iterable[str] = DEFAULT,
    max_states: int = MAX_STATES,
    threads: int | None = None,
    progress: _Watch = None,
) -> DiffReport:
    """Find the shortest event sequence after which two policies do different things.

    Both do every event in lockstep, from boot on, for as long as their outcomes are equal.

    Parameters
    ----------
    first, second : Policy or str
        The policies; a str names a preset.
    planes, events, max_states, threads, progress
        As of `check`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `check`.

    Examples
    --------
    >>> vsm = Policy.preset("vsm")
    >>> diff(vsm, vsm.replace(gate="open")).trace.steps[-1].do
    'irq 1'
    """
    planes = plane_count(planes)
    policies = (_policy(first, planes), _policy(second, planes))
    items = parse_events(events)
    acts, _ = acts_of(items, policies, planes, 1)
    search = Search(policies, planes, 2, acts, 1 << _SAME_CHOICE)
    search.add_root(search.boot())
    run = drive(search, 0, _bound(max_states), thread_count(threads), progress)
    found = search.found(_SAME_CHOICE)
    trace = None
    if found is not None:
        state, act = found
        trace = make_trace(search, policies, planes, state, [act])
    coverage = _coverage(search, run)
    return DiffReport(
        policies, planes, tuple(map(str, items)), search.differing, trace, coverage
    )


def matrix(
    policies: Mapping[str, Policy | str] | Sequence[str] | None = None,
    planes: int = 2,
    vcpus: int = 1,
    **options: Any,
) -> Matrix:
    """Check several policies, all presets by default, for all properties.

    Parameters
    ----------
    policies : mapping of str to Policy or str, or sequence of str, optional
        The policies by name, or names of presets.
    planes, vcpus, options
        As of `check`. After Ctrl-C, the policies until then are in the result.
    """
    if policies is None:
        policies = tuple(presets())
    named = policies if isinstance(policies, Mapping) else {name: name for name in policies}
    reports = {}
    for name, policy in named.items():
        reports[name] = check(policy, planes, vcpus, **options)
        if reports[name].coverage.interrupted:
            break
    return Matrix(reports)


def _policy(policy: Policy | str, planes: int) -> Policy:
    if isinstance(policy, str):
        return Policy.preset(policy, planes=planes)
    if not isinstance(policy, Policy):
        raise TypeError(f"policy={policy!r} is neither a Policy nor the name of a preset")
    policy.check_planes(planes)
    return policy


def _vcpu_count(vcpus: int) -> int:
    if not 1 <= vcpus <= MAX_VCPUS:
        raise ValueError(f"vcpus={vcpus} is not in 1..{MAX_VCPUS}")
    return vcpus


def _bound(max_states: int) -> int:
    if not 1 <= max_states < 1 << 32:
        raise ValueError(f"max_states={max_states} is not in 1..{(1 << 32) - 1}")
    return max_states


def _add_roots(
    search: Search, policy: Policy, planes: int, vcpus: int, states: NDArray[np.void] | None
) -> None:
    if states is None:
        search.add_root(search.boot())
        return
    if not isinstance(states, np.ndarray) or states.dtype != STATE:
        raise TypeError("from_states is no ndarray of dtype STATE")
    if states.size == 0 or states.size % vcpus or states.shape[1:] not in ((), (vcpus,)):
        raise ValueError(f"from_states: shape={states.shape}, expected (n,) or (n, {vcpus})")
    if states.ndim == 1 and vcpus > 1:
        raise ValueError(f"from_states: shape={states.shape}, expected (n, {vcpus})")
    vm = VM(planes=planes, vcpus=states.size, policy=policy)
    vm.state = states.reshape(-1)
    vm.run(np.zeros(0, dtype=EVENT))  # it looks at the states first
    for row in states.reshape(-1, vcpus):
        search.add_root(row)


def _coverage(search: Search, run: Run) -> Coverage:
    return Coverage(
        states=search.states,
        transitions=search.transitions,
        depth=search.depth,
        exhausted=search.exhausted,
        interrupted=run.interrupted,
        elapsed_s=run.elapsed_s,
        nbytes=search.nbytes,
    )


def _verdict(search: Search, item: Property, policy: Policy, planes: int, run: Run) -> Verdict:
    graph = item.number >= N_LOCAL
    if graph and not run.swept:
        return Verdict(item.name, None)
    found = search.found(item.number)
    if found is None:
        return Verdict(item.name, True if search.exhausted else None)
    state, act = found
    if item.number == PROGRESS:
        return _livelock(search, item, policy, planes, state)
    kind = what = ""
    if item.number == DELIVERY:
        kind = "deadlock" if search.stuck(state) else "stranded"
        what = _missing(search, state)
    acts = [] if act is None else [act]
    return Verdict(item.name, False, kind, what, make_trace(search, [policy], planes, state, acts))


def _missing(search: Search, state: int) -> str:
    many = len(search.states_of(state)) > 1
    words = []
    for vcpu, plane in search.missing(state):
        if plane is None:
            words.append(f"vCPU {vcpu} waits for a TLB lock for ever")
        else:
            where = f"plane {plane} of vCPU {vcpu}" if many else f"plane {plane}"
            words.append(f"the interrupt of {where} is never injected")
    return ", ".join(words)


def _livelock(search: Search, item: Property, policy: Policy, planes: int, state: int) -> Verdict:
    acts: list[int] = []
    seen, at = [state], state
    while True:
        at, act = search.idle_act(at)
        acts.append(act)
        if at in seen:
            break
        seen.append(at)
    trace = make_trace(search, [policy], planes, state, acts, seen.index(at))
    n = len(seen) - seen.index(at)
    what = f"the last {f'{n} steps repeat' if n > 1 else 'step repeats'} for ever"
    return Verdict(item.name, False, "livelock", what, trace)


def _judge(
    search: Search, name: str, predicate: Predicate, policy: Policy, planes: int
) -> Verdict:
    for depth in range(search.depth + 1):
        for state in search.level(depth):
            states = search.states_of(state)
            if not predicate(states[0] if len(states) == 1 else states):
                trace = make_trace(search, [policy], planes, state)
                return Verdict(name, False, "", "", trace)
    return Verdict(name, True if search.exhausted else None)
