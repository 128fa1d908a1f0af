"""``planesched policies``: the presets, each with its rule and source."""

import argparse
from typing import cast

from ..policy import Policy
from ..policytext import as_policy
from ..presets import Preset, presets
from ..text import fill, table, width
from .options import add_planes, called
from .out import add_printed, print_columns, print_json

DESCRIPTION = """\
List the presets, each with its rule in one sentence and where that stands; or, with a POLICY, all
of its fields. Wherever a policy is asked for, a preset's name does, a TOML file that holds fields,
or either with changes: vsm:ret=resume,vina=off."""
EXAMPLE = "planesched policies vsm_relay --planes 3"
SCHEMA = "planesched.policies/1"
"""Changes when what ``--json`` prints changes its form."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "policy", nargs="?", metavar="POLICY", help="show the fields of this preset or TOML file"
    )
    add_planes(parser)
    add_printed(parser)


def run(args: argparse.Namespace) -> int:
    """Print the presets, or one."""
    if args.policy is not None:
        with called("POLICY"):
            policy = as_policy(args.policy, args.planes)
        chosen = [presets().get(args.policy) or Preset(args.policy, "", "", "", {})]
    else:
        policy, chosen = None, list(presets().values())
    listed = [
        _as_dict(preset, policy or Policy.preset(preset.name, args.planes)) for preset in chosen
    ]
    if args.format == "json":
        print_json(args, {"schema": SCHEMA, "planes": args.planes, "policies": listed})
    elif print_columns(args, _columns(listed)):
        pass
    elif policy is not None:
        print(_entry(chosen[0]), _fields(policy), sep="\n\n")
    else:
        print("\n\n".join(_entry(preset) for preset in chosen))
    return 0


def _as_dict(preset: Preset, policy: Policy) -> dict[str, object]:
    words = {key: value or None for key, value in vars(preset).items() if key != "fields"}
    return {**words, "fields": policy.as_dict()}


def _columns(listed: list[dict[str, object]]) -> dict[str, list[object]]:
    """Return a row a preset, with its fields as columns."""
    rows = [{**each, **cast(dict[str, object], each["fields"])} for each in listed]
    return {name: [row[name] for row in rows] for name in rows[0] if name != "fields"}


def _entry(preset: Preset) -> str:
    if not preset.title:  # A policy of the user's own says nothing of itself.
        return preset.name
    lines = [f"{preset.name}: {preset.title}"]
    lines += fill(preset.rule, width(), indent=4)
    lines += fill(f"Source: {preset.source}", width(), indent=4)
    return "\n".join(lines)


def _fields(policy: Policy) -> str:
    """Show every field; a star marks those that differ from a policy of which nothing is said."""
    plain = Policy().as_dict()
    rows = []
    for name, value in policy.as_dict().items():
        shown = ", ".join(value) or "none" if isinstance(value, list) else str(value).lower()
        rows.append((name, shown, "" if value == plain[name] else "*"))
    return table(("field", "value", ""), rows) + "\n\n* differs from the first value of the rules"
