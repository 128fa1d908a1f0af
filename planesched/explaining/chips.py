"""Explain steps of a vCPU whose planes have interrupt controllers (rules, 8).

A controller says to the rules what it has: a posting is an `irq`, an EOI or a TPR may mask or
unmask, and much is no step at all. So the slow controllers walk beside what is to be explained, and
the step that they make is explained, with `irq` and `masked` as they are then.
"""

from dataclasses import replace
from typing import Any

from ..events import ChipEvent, Event
from ..irqchip import Controller
from ..policy import Policy
from ..reference import NOBODY, Reference, Values, answered, record_of
from ..reference_irqchip import ReferenceChip
from .asking import explain
from .explanation import Explanation

__all__ = ["ChipWalk"]


class ChipWalk:
    """One vCPU with its controllers, from boot or a state on.

    Parameters
    ----------
    policy, planes, controller
        As of `VM`.
    start : ndarray or void, dtype STATE, optional
        The state, in which nothing is pending; that of boot unless given.
    label : str, optional
        What the policy is called.
    """

    def __init__(
        self, policy: Policy, planes: int, controller: Controller, start: Any = None,
        label: str | None = None,
    ) -> None:  # fmt: skip
        self._slow = ReferenceChip(policy, planes, controller)
        self._slow.vcpu = self._seen = _Recording(policy, planes)
        self._label = label
        if start is not None:
            self._seen.state = start

    def step(self, event: int, plane: int | None, arg: int | None = None) -> Explanation | None:
        """Do a step, and explain what the rules did; None where they had nothing to do.

        Parameters
        ----------
        event, plane : int, int or None
            As of `VCPU.step`.
        arg : int, optional
            The vector, or the value of TPR.
        """
        self._seen.steps.clear()
        self._slow.step(event, plane, arg or 0)
        if not self._seen.steps:
            return None
        before, number, named = self._seen.steps[0]
        planes, policy = self._seen.planes, self._seen.policy
        found = explain(
            policy, record_of(before), number, None if named == NOBODY else named, planes=planes,
            label=self._label,
        )  # fmt: skip
        given = Event(event) if event in list(Event) else ChipEvent(event)
        words = [given.name.lower(), *([] if plane is None else [str(plane)])]
        words += [] if arg is None else [f"{arg:#x}"]
        text = " ".join(words)
        return found if text == found.event else replace(found, event=f"{text} ({found.event})")

    def enter(self, plane: int) -> Explanation | None:
        """Enter a plane as the default userspace scheduler does, and explain it."""
        self._seen.state = answered(self._seen.policy, self._seen.state, plane)
        return self.step(Event.ENTER, plane)


class _Recording(Reference):
    """A vCPU of the slow model that remembers its steps."""

    def __init__(self, policy: Policy, planes: int) -> None:
        super().__init__(policy, planes)
        self.steps: list[tuple[Values, int, int]] = []

    def _step(self, event: int, plane: int) -> None:
        self.steps.append((self.values, event, plane))
        super()._step(event, plane)
