"""``planesched step``: let events happen to one vCPU and print each outcome."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from ..checking.start import start_state
from ..conformance.chips import read_chip_event
from ..core import VCPU, VM, Outcome
from ..errors import Mistake, Words
from ..events import ChipEvent, Event, Notes, set_names
from ..explaining import Explanation, explain
from ..explaining.chips import ChipWalk
from ..explaining.explanation import outcome_dict
from ..explaining.terms import meaning
from ..irqchip import as_controller, said_chips
from ..policytext import as_policy, with_settings
from ..reference import answered
from ..text import fitted
from .check import add_start
from .options import add_planes, called, count, integer
from .out import add_printed, asked_width, print_columns, print_json

DESCRIPTION = f"""\
Let events happen, one after the other, to one vCPU that has just booted, and print what each did.
An event is a name, or a name and a plane: {", ".join(event.name.lower() for event in Event)}. (call
names a plane only where the policy hands over.) In userspace, answer does what the default
userspace scheduler would; enter P sets req_exit as that would for P, enter P only does not.

With --vectors each plane has an interrupt controller: an irq names its vector ("irq 1 0x31"), mask
and unmask are given by "tpr 1 0x40", and there are further events:
{", ".join(event.name.lower() for event in ChipEvent)}."""
_Reads = Callable[[str], tuple[int, int | None, int | None]]
"""Reads an event with its plane and its vector."""

EXAMPLE = 'planesched step vsm_relay "irq 1" return return --planes 3'
SCHEMA = "planesched.step/1"
"""Changes when what ``--json`` prints changes its form."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("policy", metavar="POLICY", help="a preset or a TOML file (see policies)")
    parser.add_argument("events", nargs="+", metavar="EVENT", help='as "irq 1" or "return"')
    add_planes(parser)
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", dest="settings",
        help="change a field of the policy; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--vectors", action="store_true", help="give each plane an interrupt controller"
    )
    parser.add_argument(
        "--controller", metavar="SETUP",
        help="the same, set up as lapic:mask_by=tpr,auto_eoi=0x31+0x41 (docs/how-to/vectors.md)",
    )  # fmt: skip
    parser.add_argument(
        "--explain", nargs="?", type=count, const=0, metavar="N",
        help="say why the Nth event (default: the last) did what it did, rule by rule",
    )  # fmt: skip
    add_start(parser)
    add_printed(parser)


def run(args: argparse.Namespace) -> int:
    """Step through the events and print the outcomes."""
    with called("POLICY"):
        policy = as_policy(args.policy, args.planes)
    with called("--set"):
        policy = with_settings(policy, args.settings, args.planes)
    with called("--controller"):
        controller = as_controller(args.controller or ("lapic" if args.vectors else None))
    wanted = _wanted(args)
    vm = VM(policy, planes=args.planes, controller=controller)
    if args.start is not None:
        vm.state[0] = start_state(args.start, policy, args.planes)
    vcpu = vm.vcpus[0]
    boot = _now(vcpu)
    reads = None if controller is None else partial(read_chip_event, policy, args.planes)
    steps, held, why, whys = [], [], None, _Whys(vm, reads)
    for number, text in enumerate(args.events, 1):
        before = vcpu.state.copy()
        step = _step(vcpu, number, text, reads)
        if number == wanted or (number < wanted and controller is not None):
            why = whys.step(before, text.split(), step)
        if number == wanted:
            step["explanation"] = why and why.as_dict()
        if controller is not None:
            chips = [vcpu.chip(plane) for plane in range(args.planes)]
            held.append(said_chips(chips))
            step["controllers"] = [asdict(chip) for chip in chips]
        steps.append(step)
    if args.format == "json":
        asked = {
            "policy": policy.as_dict(),
            "planes": args.planes,
            "controller": None if controller is None else str(controller),
        }
        print_json(args, {"schema": SCHEMA, **asked, "start": boot, "steps": steps})
        return 0
    header = ["event", "plane", "reason", "what happened", "the vCPU then is"]
    first = "boot" if args.start is None else "start"
    rows = [[first, "", "", "", boot], *map(_row, steps)]
    if controller is not None:
        header.append("its controllers")
        rows = [[*row, cell] for row, cell in zip(rows, ["", *held], strict=True)]
    if print_columns(args, _columns(steps, held)):
        return 0
    print(fitted(header, rows, asked_width(args)))
    met = {step["fault"] for step in steps if step["fault"] != "none"}
    for fault in sorted(met):
        print(f"fault {fault}: {meaning('fault', fault)}")
    if wanted:
        nothing = f"{args.events[wanted - 1]}: its controller alone; nothing is dispatched (8)"
        print(f"\n{nothing if why is None else why}")
    return 0


def _wanted(args: argparse.Namespace) -> int:
    """Return the number of the event to be explained; 0: none."""
    if args.explain is None:
        return 0
    if args.explain > len(args.events):
        raise Mistake("--explain", args.explain, f"the number of an event, 1 to {len(args.events)}")
    return args.explain or len(args.events)


class _Whys:
    """Explains a step: of planes with controllers, these walk beside."""

    def __init__(self, vm: VM, reads: _Reads | None) -> None:
        self._vm, self._reads, self._walk = vm, reads, None
        if reads is not None and vm.controller is not None:
            self._walk = ChipWalk(vm.policy, vm.planes, vm.controller, vm.state[0])

    def step(self, before: Any, words: list[str], step: dict[str, Any]) -> Explanation | None:
        """Say why; userspace sets req_exit before it enters a plane, unless told otherwise."""
        event, only = words[0], words[-1] == "only"
        if self._walk is not None and self._reads is not None and event not in ("answer", "enter"):
            return self._walk.step(*self._reads(" ".join(words)))
        plane = integer(words[1]) if words[1:] else None
        if event == "answer":
            event, plane = "enter", step["now"]
        if self._walk is not None:
            if only or plane is None:
                return self._walk.step(Event.ENTER, plane)
            return self._walk.enter(plane)
        if event == "enter" and plane is not None and not only:
            before = answered(self._vm.policy, before, plane)
        return explain(self._vm.policy, before, event, plane, planes=self._vm.planes)


def _step(vcpu: VCPU, number: int, text: str, reads: _Reads | None) -> dict[str, Any]:
    if reads is not None and text.split()[:1] not in (["answer"], ["enter"]):
        return _vector_step(vcpu, number, text, reads)
    words = text.split()
    place = f"event {number} ({text})"
    only = words[-1:] == ["only"] and words[0] == "enter"
    if not 1 <= len(words) - only <= 2:
        raise Mistake(place, text, "a name, or a name and a plane")
    try:
        outcome = _done(vcpu, words[: len(words) - only], set_requests=not only)
    except argparse.ArgumentTypeError as error:
        raise Mistake(place, Words(str(error)), "a name, or a name and a plane") from None
    except Mistake as mistake:
        raise mistake.named(f"{place}: {mistake.name}") from None
    return {"event": " ".join(words), **outcome_dict(outcome), "vcpu": _now(vcpu)}


def _vector_step(vcpu: VCPU, number: int, text: str, reads: _Reads) -> dict[str, Any]:
    """Do one event where planes have controllers."""
    try:
        outcome = vcpu.step(*reads(text))
    except Mistake as mistake:
        raise mistake.named(f"event {number} ({text})") from None
    return {
        "event": " ".join(text.split()),
        **outcome_dict(outcome),
        "vector": outcome.vector,
        "ended": outcome.ended,
        "notes": set_names(Notes, outcome.notes),
        "vcpu": _now(vcpu),
    }


def _done(vcpu: VCPU, words: list[str], *, set_requests: bool) -> Outcome:
    if words == ["answer"]:
        outcome = vcpu.answer()
        if outcome is None:
            raise Mistake("answer", Words("userspace waits"), "a plane that can run")
        return outcome
    plane = integer(words[1]) if words[1:] else None
    if words[0] == "enter" and plane is not None and vcpu.user and set_requests:
        entered = vcpu.answer(plane)
        assert entered is not None, "a plane is named, so there is no waiting"
        return entered
    return vcpu.step(words[0], plane)


def _now(vcpu: VCPU) -> str:
    """Say how the vCPU stands, as its repr does; in userspace, what would be entered."""
    _, _, said = repr(vcpu).removesuffix(">").partition(": ")
    if not vcpu.user:
        return said
    pick = vcpu.default_pick()
    return f"{said}; userspace would {'wait' if pick is None else f'enter plane {pick}'}"


def _columns(steps: list[dict[str, Any]], held: list[str]) -> dict[str, list[Any]]:
    """Return a row a step, as columns; flags have spaces between them."""
    names = ("event", "was", "now", "reason", "fault", "flags", "vcpu")
    columns = {name: [step[name] for step in steps] for name in names}
    columns["flags"] = [" ".join(flags) for flags in columns["flags"]]
    return columns | ({"controllers": held} if held else {})


def _row(step: dict[str, Any]) -> list[str]:
    was, now = step["was"], step["now"]
    fault = [f"fault {step['fault']}"] if step["fault"] != "none" else []
    fault += [f"{key} {step[key]:#x}" for key in ("ended", "vector") if step.get(key)]
    return [
        step["event"],
        f"{was} -> {now}" if was != now else str(now),
        "" if step["reason"] == "none" else step["reason"],
        ", ".join([*fault, *step["flags"], *step.get("notes", ())]),
        step["vcpu"],
    ]
