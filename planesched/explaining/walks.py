"""Explain the steps of a counterexample, each from the state that the one before it left."""

from collections.abc import Iterator, Sequence

from ..checking.counterexample import Trace, TraceStep
from ..conformance.case import ANSWER
from ..conformance.events import read_event
from ..events import Event
from .asking import answered, explain
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

    Of planes with interrupt controllers no step is explained: what these do is no part of the
    rules that an explanation walks through.
    """
    if trace.controllers:
        return
    states = trace.start
    for number, step in enumerate(trace.steps, 1):
        before, states = states[step.vcpu], step.states
        if not step.is_event:
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
