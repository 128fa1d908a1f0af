"""``planesched scenarios``: the scenario files that come with planesched."""

import argparse
import json

from ..checks import one_of
from .options import add_json

DESCRIPTION = """\
List the scenario files of real situations that come with planesched, each with where it is from and
what in it is assumed; or print one, to begin a file of your own with."""
EXAMPLE = "planesched scenarios vsm-boot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this file")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the list, or a file."""
    from ..scenarios import load_scenario, scenarios
    from ..text import fill, width

    known = scenarios()
    if args.name is not None:
        one_of("NAME", args.name, known)
        print(known[args.name].read_text(encoding="utf-8"), end="")
        return 0
    found = [load_scenario(name) for name in known]
    if args.json:
        rows = [
            {"name": item.name, "title": item.title, "origin": item.origin,
             "policies": list(item.policies)}
            for item in found
        ]  # fmt: skip
        print(json.dumps(rows, indent=2))
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
