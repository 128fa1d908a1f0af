"""From what a search found to the answers that a report gives."""

from ..policy import Policy
from .counterexample import Trace, make_trace
from .properties import Predicate, Property
from .report import Coverage, Verdict
from .search import DELIVERY, N_LOCAL, PROGRESS, Search
from .threads import Run

__all__ = ["coverage_of", "further", "judge", "verdict_of"]


def coverage_of(search: Search, run: Run) -> Coverage:
    """Say how much a search saw."""
    return Coverage(
        states=search.states,
        transitions=search.transitions,
        depth=search.depth,
        exhausted=search.exhausted,
        interrupted=run.interrupted,
        elapsed_s=run.elapsed_s,
        nbytes=search.nbytes,
    )


def verdict_of(search: Search, item: Property, policy: Policy, planes: int, run: Run) -> Verdict:
    """Say whether a property holds, with a shortest way to where it does not."""
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


def further(
    search: Search, item: Property, policy: Policy, planes: int, first: Verdict
) -> tuple[Trace, ...]:
    """Return one shortest way for each distinct last step and plane, without the first."""
    found = []
    for state, act in search.all_found(item.number):
        acts = [] if act is None else [act]
        found.append(make_trace(search, [policy], planes, state, acts))
    shown = first.trace.text if first.trace else ""
    return tuple(trace for trace in found if trace.text != shown)


def _missing(search: Search, state: int) -> str:
    many = len(search.states_of(state)) > 1
    words = []
    if search.chips_of(state):
        return _missing_vectors(search, state)
    for vcpu, plane in search.missing(state):
        if plane is None:
            words.append(f"vCPU {vcpu} waits for ever for a TLB lock or an answer")
        else:
            where = f"plane {plane} of vCPU {vcpu}" if many else f"plane {plane}"
            words.append(f"the interrupt of {where} is never injected")
    return ", ".join(words)


def _missing_vectors(search: Search, state: int) -> str:
    """Name vectors that are never injected, or whose service never ends."""
    never = "is in service for ever" if search.owed else "is never injected"
    named = [f"vector {vector:#x} of plane {plane}" for plane, vector in search.missing(state)]
    return ", ".join(f"{name} {never}" for name in named)


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


def judge(search: Search, name: str, predicate: Predicate, policy: Policy, planes: int) -> Verdict:
    """Ask the user's predicate about every state, in the order in which they were found."""
    for depth in range(search.depth + 1):
        for state in search.level(depth):
            states = search.states_of(state)
            if not predicate(states[0] if len(states) == 1 else states):
                trace = make_trace(search, [policy], planes, state)
                return Verdict(name, False, "", "", trace)
    return Verdict(name, True if search.exhausted else None)
