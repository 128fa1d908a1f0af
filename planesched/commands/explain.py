"""``planesched explain``: what a field, a property, a reason or another term means."""

import argparse

from ..explaining.terms import KINDS, SCHEMA, Term, lookup, terms
from ..text import fill, width
from .options import add_json
from .out import print_json

DESCRIPTION = """\
Say what a term means: a policy's field, a property that check looks at, a reason, a fault, an
event, a flag, a mask of the state, a preset, a figure of a table, a cost set, an alphabet of check
and what stands in it. Each comes with its rule, its values and who has them, where that stands, and
a command that shows it. Without a TERM, list them. Why one step did what it did: planesched step
--explain."""
EXAMPLE = "planesched explain preempt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("term", nargs="*", metavar="TERM", help="as ret, wakeup, relay or perm")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the terms mean, or list all."""
    found = [term for name in args.term for term in lookup(name)] if args.term else list(terms())
    if args.json:
        print_json(args, {"schema": SCHEMA, "terms": [term.as_dict() for term in found]})
    elif args.term:
        print("\n\n\n".join(map(str, found)))
    else:
        print("\n\n".join(_listed(kind, found) for kind in KINDS))
    return 0


def _listed(kind: str, found: list[Term]) -> str:
    plural = {"property": "properties"}.get(kind, f"{kind}s")
    names = ", ".join(term.name for term in found if term.kind == kind)
    return "\n".join(fill(f"{plural}: {names}", width(), hang=2))
