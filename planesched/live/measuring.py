"""Measure what exits, switches, injections and wake-ups cost on this host."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import whole
from ..errors import Mistake
from .faults import LiveError
from .host import open_machine, probe, urgent
from .measured import Measured, Sampled

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["measure"]

SAMPLES = 2000
_WARM_UP = 200
_SLOW = 10  # What waits for another thread, or sweeps caches, is sampled so many times less.
_SWEPT_BYTES = 16 << 20  # More than a second-level cache.
_COMPUTING_NS = 2_000_000  # how long the guest computes at a time while it is posted to


@dataclass(frozen=True)
class _Kind:
    """What is sampled: its name and words, and the arguments of `Machine.sample`."""

    name: str
    words: str
    what: str
    given: Mapping[str, Any]
    slower: int = 1


_IOCTLS = {"copy": "ioctls"}
_SHARED = {"copy": "shared"}
_COLD = {"sweep_bytes": _SWEPT_BYTES}
_KINDS = (
    _Kind("exit", "exit to userspace and back", "exit", {}),
    _Kind("switch", "switch to another plane", "switch", {}),
    _Kind("switch_ioctls", "same, registers by ioctls", "switch", _IOCTLS),
    _Kind("switch_shared", "same, registers by kvm_run", "switch", _SHARED),
    _Kind("cold_ioctls", "cold, registers by ioctls", "switch", _IOCTLS | _COLD, _SLOW),
    _Kind("cold_shared", "cold, registers by kvm_run", "switch", _SHARED | _COLD, _SLOW),
    _Kind("post", "MSI to a plane not running", "post", {}),
    _Kind("post_halted", "MSI to a halted one, not run", "post_halted", {}, _SLOW),
    _Kind("running", "MSI to a running plane", "running", {}, _SLOW),
    _Kind("wakeup", "wake-up from halt by MSI", "wakeup", {}, _SLOW),
)


def measure(
    n: int = SAMPLES,
    *,
    core: int | None = None,
    progress: Callable[[float, int], object] | None = None,
) -> Measured:
    """Measure what planes on this host's KVM cost when userspace schedules them.

    Parameters
    ----------
    n : int
        How many samples of what is fast; a tenth of that of what waits for another thread.
    core : int, optional
        Where the planes run; the first that this process may use, unless given. Another one, where
        there is one, is for the thread that posts.
    progress : callable, optional
        Called with the part that is done, 0..1, and the samples taken so far.

    Returns
    -------
    Measured
        On Ctrl-C, what was measured until then, with ``partial``.

    Raises
    ------
    LiveError
        If planes cannot run here.
    Mistake
        If `n` is below 10, or `core` is none that may be used.
    """
    n = whole("n", n, _SLOW, 10**7)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    chosen = cores[0] if core is None else core
    if chosen not in cores:
        raise Mistake("core", core, f"one of {', '.join(map(str, cores))}")
    host = probe().check()
    found: dict[str, Sampled] = {}
    partial, clock_ns = False, 0
    with open_machine(2) as machine, _pinned(chosen, cores), urgent():
        try:
            clock_ns = round(float(np.median(machine.sample("clock", 10 * n))))
            turns = _turns(machine)
            _see_that_registers_arrive(machine, shared=host.sync_regs)
            kinds = [
                kind for kind in _KINDS if host.sync_regs or kind.given.get("copy") != "shared"
            ]
            other = next((other for other in cores if other != chosen), -1)
            for place, kind in enumerate(kinds):
                many = n // kind.slower
                given = dict(kind.given) | {"core": other, "turns": turns}
                machine.sample(kind.what, max(1, min(many, _WARM_UP // kind.slower)), **given)
                ns = np.sort(machine.sample(kind.what, many, **given))
                found[kind.name] = Sampled(kind.name, kind.words, np.maximum(ns - clock_ns, 0))
                if progress is not None:
                    progress((place + 1) / len(kinds), sum(row.count for row in found.values()))
        except KeyboardInterrupt:
            partial = True
    return Measured(host, chosen, clock_ns, found, partial)


def _see_that_registers_arrive(machine: "Machine", *, shared: bool) -> None:
    """Have one plane fill what planes share, and another store it after a switch: all is there."""
    for copy in ("ioctls", "shared") if shared else ("ioctls",):
        machine.shows_registers(copy == "shared")
        for value in (0x123456, 0xABCDEF):
            machine.settle(0)
            machine.settle(1)
            machine.give(0, "fill", value)
            machine.settle(0)
            machine.share(0, 1, copy)
            machine.settle(1)
            machine.give(1, "store")
            machine.settle(1)
            if machine.stored() != filled(value):
                raise LiveError(f"registers that planes share did not arrive when copied by {copy}")
    machine.shows_registers(False)


def filled(value: int) -> tuple[int, ...]:
    """Return what the registers that planes share hold once the guest has filled them."""
    inverse = ~value & 0xFFFFFFFF
    return value, inverse, inverse << 8 & 0xFFFFFFFF, value, value, inverse, 0, 0


def _turns(machine: "Machine") -> int:
    """Give how many turns of the guest's loop last about 2 ms."""
    few, many = (float(np.median(machine.sample("compute", 20, turns=k))) for k in (100, 1100))
    per_turn = max((many - few) / 1000, 0.05)
    return int(min(max(_COMPUTING_NS / per_turn, 1), 0xFFFFFF))


@contextlib.contextmanager
def _pinned(core: int, cores: list[int]) -> Iterator[None]:
    """Have this thread run on one core for a time."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))
