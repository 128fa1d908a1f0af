"""``planesched step``: let events happen to one vCPU and print each outcome."""

import argparse
import json
from typing import Any

from ..core import VCPU, VM, Outcome
from ..errors import Mistake
from ..events import Event, Flags
from ..policytext import as_policy, with_settings
from ..text import table
from .options import add_json, add_planes, called, integer

DESCRIPTION = f"""\
Let events happen, one after the other, to one vCPU that has just booted, and print what each did.
An event is a name, or a name and a plane: {", ".join(event.name.lower() for event in Event)}. (call
names a plane only where the policy hands over.)"""
EXAMPLE = 'planesched step vsm_relay "irq 1" return return --planes 3'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("policy", metavar="POLICY", help="a preset or a TOML file (see policies)")
    parser.add_argument("events", nargs="+", metavar="EVENT", help='as "irq 1" or "return"')
    add_planes(parser)
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", dest="settings",
        help="change a field of the policy; repeatable",
    )  # fmt: skip
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Step through the events and print the outcomes."""
    with called("POLICY"):
        policy = as_policy(args.policy, args.planes)
    with called("--set"):
        policy = with_settings(policy, args.settings, args.planes)
    vcpu = VM(planes=args.planes, vcpus=1, policy=policy).vcpus[0]
    boot = _now(vcpu)
    steps = [_step(vcpu, number, text) for number, text in enumerate(args.events, 1)]
    if args.json:
        print(json.dumps(steps, indent=2))
        return 0
    header = ("event", "plane", "reason", "what happened", "the vCPU then is")
    print(table(header, [("boot", "", "", "", boot), *map(_row, steps)]))
    return 0


def _step(vcpu: VCPU, number: int, text: str) -> dict[str, Any]:
    words = text.split()
    place = f"event {number} ({text})"
    if not 1 <= len(words) <= 2:
        raise Mistake(place, text, "a name, or a name and a plane")
    try:
        plane = integer(words[1]) if words[1:] else None
        outcome = vcpu.step(words[0], plane)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"{place}: {error}") from None
    except Mistake as mistake:
        raise mistake.named(f"{place}: {mistake.name}") from None
    return {"event": " ".join(words), **_as_dict(outcome), "vcpu": _now(vcpu)}


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    flags = [str(flag.name).lower() for flag in Flags if flag & outcome.flags]
    return {
        "was": outcome.was,
        "now": outcome.now,
        "reason": outcome.reason.name.lower(),
        "fault": outcome.fault.name.lower(),
        "flags": flags,
    }


def _now(vcpu: VCPU) -> str:
    """Say how the vCPU stands, as its repr does; in userspace, what would be entered."""
    _, _, said = repr(vcpu).removesuffix(">").partition(": ")
    if not vcpu.user:
        return said
    pick = vcpu.default_pick()
    return f"{said}; userspace would {'wait' if pick is None else f'enter plane {pick}'}"


def _row(step: dict[str, Any]) -> tuple[str, ...]:
    was, now = step["was"], step["now"]
    fault = [f"fault {step['fault']}"] if step["fault"] != "none" else []
    return (
        step["event"],
        f"{was} -> {now}" if was != now else str(now),
        "" if step["reason"] == "none" else step["reason"],
        ", ".join([*fault, *step["flags"]]),
        step["vcpu"],
    )
