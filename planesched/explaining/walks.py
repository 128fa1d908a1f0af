"""Explain the steps of a counterexample, each from the state that the one before it left."""

from collections.abc import Iterator, Sequence

from ..checking.counterexample import Trace, TraceStep
from ..conformance.case import ANSWER
from ..conformance.chips import read_chip_event
from ..conformance.events import read_event
from ..events import Event
from ..reference import answered
from .asking import explain
from .chips import ChipWalk
from .explanation import Explanation

__all__ = ["explained"]


def explained(
    trace: Trace, labels: Sequence[str] = ()
) -> Iterator[tuple[int, TraceStep, Explanation]]:
    """Give the number of each step that is an event, counted from 1, the step, and why it was so.

    Parameters
    ----------
    trace : Trace
        A counterexample, or the way to where two policies differ.
    labels : sequence of str
        What the policies are called.

    Where planes have interrupt controllers, what these say to the rules is explained; a step of
    theirs alone is left out.
    """
    states = trace.start
    walks = _walks(trace, labels)
    for number, step in enumerate(trace.steps, 1):
        before, states = states[step.vcpu], step.states
        if not step.is_event:
            continue
        if walks:
            why = _of_chips(walks[step.vcpu], trace, step)
            if why is not None:
                yield number, step, why
            continue
        which = step.vcpu % len(trace.policies)
        policy = trace.policies[which]
        plane: int | None
        if step.do == ANSWER:
            event, plane = int(Event.ENTER), int(step.outcome.now)
            before = answered(policy, before, plane)
        else:
            event, plane = read_event(policy, trace.planes, step.do)
        label = labels[which] if labels else None
        yield number, step, explain(policy, before, event, plane, planes=trace.planes, label=label)


def _walks(trace: Trace, labels: Sequence[str]) -> list[ChipWalk]:
    """Give the controllers of each vCPU, if there are any."""
    if not trace.controllers:
        return []
    found = []
    for vcpu, start in enumerate(trace.start):
        which = vcpu % len(trace.policies)
        found.append(
            ChipWalk(
                trace.policies[which], trace.planes,
                trace.controllers[vcpu % len(trace.controllers)], start,
                labels[which] if labels else None,
            )
        )  # fmt: skip
    return found


def _of_chips(walk: ChipWalk, trace: Trace, step: TraceStep) -> Explanation | None:
    if step.do == ANSWER:
        return walk.enter(int(step.outcome.now))
    policy = trace.policies[step.vcpu % len(trace.policies)]
    return walk.step(*read_chip_event(policy, trace.planes, step.do))
