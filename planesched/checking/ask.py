"""Ask questions of every reachable state: does a property hold, and what would a field change.

The search itself is `planesched.checker`; docs/checker.md says what each property means.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import plane_count, thread_count, vcpu_count, whole
from ..core import VM
from ..errors import Mistake, TypeMistake, Words
from ..layouts import EVENT, STATE
from ..policy import Policy
from ..policytext import Given, Several, as_policies, as_policy
from ..presets import presets
from .alphabet import DEFAULT, GROUPS, acts_of, parse_events
from .answers import coverage_of, judge, verdict_of
from .counterexample import Trace, TraceStep, make_trace
from .properties import PROPERTIES, Predicate, Property, choose
from .report import Coverage, DiffReport, Matrix, Report, Verdict
from .search import MAX_VCPUS, SAME_CHOICE, Search
from .threads import Progress, drive

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

_Watch = Callable[[Progress], object] | None


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
    progress: _Watch = None,
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
    policy = as_policy(policy, planes)
    items = parse_events(events)
    acts, locks = acts_of(items, [policy], planes, vcpu_count(vcpus, MAX_VCPUS))
    chosen, predicates = choose(properties)
    wanted = sum(1 << item.number for item in chosen)
    search = Search([policy], planes, vcpus, acts, wanted, locks)
    _add_roots(search, policy, planes, vcpus, from_states)
    count = thread_count(threads)
    run = drive(search, _bound(max_states), count, progress, early=not predicates)
    coverage = coverage_of(search, run)
    verdicts = {item.name: verdict_of(search, item, policy, planes, run) for item in chosen}
    verdicts |= {name: Verdict(name, None) for name in predicates}
    try:
        for name, predicate in predicates.items():
            verdicts[name] = judge(search, name, predicate, policy, planes)
    except KeyboardInterrupt:
        coverage = replace(coverage, interrupted=True)
    return Report(policy, planes, vcpus, tuple(map(str, items)), verdicts, coverage)


def diff(
    first: Given,
    second: Given,
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
        The policies, as of `check`.
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
    policies = (as_policy(first, planes, "first"), as_policy(second, planes, "second"))
    items = parse_events(events)
    acts, _ = acts_of(items, policies, planes, 1)
    search = Search(policies, planes, 2, acts, 1 << SAME_CHOICE)
    search.add_root(search.boot())
    run = drive(search, _bound(max_states), thread_count(threads), progress)
    found = search.found(SAME_CHOICE)
    trace = None
    if found is not None:
        state, act = found
        trace = make_trace(search, policies, planes, state, [] if act is None else [act])
    coverage = coverage_of(search, run)
    return DiffReport(policies, planes, tuple(map(str, items)), search.differing, trace, coverage)


def matrix(
    policies: Several | None = None,
    planes: int = 2,
    vcpus: int = 1,
    **options: Any,
) -> Matrix:
    """Check several policies, all presets by default, for all properties.

    Parameters
    ----------
    policies : policy, or iterable or mapping of policies, optional
        One or several; a mapping gives labels.
    planes, vcpus, options
        As of `check`. After Ctrl-C, the result has the policies until then, and names the others.

    Raises
    ------
    ValueError
        If there is no policy; and as of `check`.
    """
    named = as_policies(tuple(presets()) if policies is None else policies, plane_count(planes))
    reports = {}
    for name, policy in named.items():
        reports[name] = check(policy, planes, vcpus, **options)
        if reports[name].coverage.interrupted:
            break
    return Matrix(reports, tuple(named)[len(reports) :])


def _bound(max_states: int) -> int:
    return whole("max_states", max_states, 1, 2**32 - 1)


def _add_roots(
    search: Search, policy: Policy, planes: int, vcpus: int, states: NDArray[np.void] | None
) -> None:
    if states is None:
        search.add_root(search.boot())
        return
    if not isinstance(states, np.ndarray) or states.dtype != STATE:
        found = Words(f"a {type(states).__name__}")
        raise TypeMistake("from_states", found, "an ndarray of dtype STATE")
    wanted = ((vcpus,),) if vcpus > 1 else ((), (1,))
    if states.size == 0 or states.size % vcpus or states.shape[1:] not in wanted:
        expected = f"(n, {vcpus})" if vcpus > 1 else "(n,) or (n, 1)"
        raise Mistake("from_states.shape", states.shape, expected)
    vm = VM(planes=planes, vcpus=states.size, policy=policy)
    vm.state = states.reshape(-1)
    vm.run(np.zeros(0, dtype=EVENT))  # it looks at the states first
    for row in states.reshape(-1, vcpus):
        search.add_root(row)
