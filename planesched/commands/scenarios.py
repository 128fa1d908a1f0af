"""``planesched scenarios``: the scenario files that come with planesched."""

import argparse

from ..checks import one_of
from ..scenarios import Scenario, load_scenario, scenarios
from .out import add_printed, print_columns, print_json

DESCRIPTION = """\
List the scenario files of real situations that come with planesched, each with where it is from and
what in it is assumed; or print one, to begin a file of your own with."""
EXAMPLE = "planesched scenarios vsm-boot"
SCHEMA = "planesched.scenarios/1"
"""Changes when what ``--json`` prints changes its form."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this file")
    add_printed(parser)


def run(args: argparse.Namespace) -> int:
    """Print the list, or a file."""
    from ..text import fill, width

    known = scenarios()
    if args.name is not None:
        one_of("NAME", args.name, known)
        if args.format == "text":
            print(known[args.name].read_text(encoding="utf-8"), end="")
            return 0
        known = {args.name: known[args.name]}
    found = [load_scenario(name) for name in known]
    listed = [_as_dict(item) for item in found]
    if args.format == "json":
        print_json(args, {"schema": SCHEMA, "scenarios": listed})
        return 0
    named = {name: [each[name] for each in listed] for name in ("name", "title", "origin")}
    if print_columns(args, {**named, "policies": [", ".join(item.policies) for item in found]}):
        return 0
    blocks = [
        "\n".join(
            [
                *fill(f"{item.name}: {item.title}", width(), hang=2),
                *fill(" ".join(item.origin.split()), width(), indent=4),
            ]
        )
        for item in found
    ]
    print("\n\n".join(blocks))
    return 0


def _as_dict(item: Scenario) -> dict[str, object]:
    return {
        "name": item.name,
        "title": item.title,
        "origin": item.origin,
        "policies": {name: policy.as_dict() for name, policy in item.policies.items()},
    }
