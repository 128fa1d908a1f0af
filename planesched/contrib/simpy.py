"""A vCPU with planes as a SimPy process, whose planes are resources that work can be given to.

Which plane runs is the core's business. Here is what the rules' section 7 says of guests, for
policies that call upwards (``call = next``: the VSM family): each plane serves its work first come,
first served; one that loses the vCPU goes on later where it stopped; one without work returns, or
halts where it cannot.
"""

from collections import deque
from collections.abc import Generator
from typing import Any

import simpy

from ..core import VM, Outcome
from ..errors import Mistake
from ..policy import Policy

__all__ = ["PlanedCPU"]


class PlanedCPU:
    """A vCPU with planes.

    Parameters
    ----------
    env : simpy.Environment
        Its unit of time is the user's choice.
    policy : Policy or str
        With ``call = next`` and ``scheduler = kernel``; a str names a preset.
    planes : int
        How many planes, 1..16.

    Attributes
    ----------
    vcpu : VCPU
        The core's view, to read.

    Raises
    ------
    Mistake
        If `policy` hands over instead of calling, or leaves the choice to userspace.
    """

    def __init__(self, env: simpy.Environment, policy: Policy | str, planes: int = 2) -> None:
        vm = VM(policy, planes=planes, vcpus=1)
        for field, value in (("call", "next"), ("scheduler", "kernel"), ("empty", "idle")):
            found = getattr(vm.policy, field).name.lower()
            if found != value:
                raise Mistake(f"policy.{field}", found, f"{value!r}: no other is run here")
        self.env = env
        self.vcpu = vm.vcpus[0]
        self._work: list[deque[tuple[simpy.Event, float]]] = [deque() for _ in range(planes)]
        self._serving = False
        self._process = env.process(self._run())

    def interrupt(self, plane: int, service: float) -> simpy.Event:
        """Interrupt a plane, whose handler works for `service`; the event fires at its end."""
        if not service >= 0:
            raise Mistake("service", service, "a time, 0 or more")
        done = self.env.event()
        self._work[plane].append((done, service))
        self.step("irq", plane)
        return done

    def step(self, event: str, plane: int | None = None) -> Outcome:
        """Let something else happen to the vCPU: ``hold``, ``release``, ``mask``, ``nmi`` ..."""
        outcome = self.vcpu.step(event, plane)
        if self._serving or not self.vcpu.blocked:
            self._process.interrupt()
        return outcome

    def _run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            work = self._work[self.vcpu.current]
            if not self.vcpu.blocked and not work:
                if self.vcpu.return_().fault:
                    self.vcpu.halt()
                continue
            began, self._serving = self.env.now, not self.vcpu.blocked
            try:
                # Blocked, it waits for an event that never fires: what comes is an interrupt.
                yield self.env.timeout(work[0][1]) if self._serving else self.env.event()
                work.popleft()[0].succeed()
            except simpy.Interrupt:
                if self._serving:
                    done, left = work[0]
                    work[0] = done, max(0, left - (self.env.now - began))
