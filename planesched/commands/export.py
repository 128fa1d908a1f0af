"""``planesched export``: a policy's rules as a function of its own."""

import argparse

from ..errors import Mistake
from ..exporting import STYLES, export
from .options import add_planes

DESCRIPTION = """\
Write the pick of a policy, or its whole step, as one self-contained file: C of Linux's style, C, or
Rust without std. It is folded from the headers' own text (step.h, pick.h) with the policy known,
and --proof writes a C program that compares it with ps_step on every state of up to 3 planes and on
a million random ones. It needs a C compiler and pycparser (planesched[export])."""
EXAMPLE = "planesched export vsm --planes 3 --style kernel --proof -o vsm_pick.c"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("policy", metavar="POLICY", help="a preset, with changes, or a TOML file")
    add_planes(parser)
    parser.add_argument(
        "--style", default="c", metavar="|".join(STYLES), help="whose style (default c)"
    )
    parser.add_argument("--name", metavar="FUNC", help="what the function is called")
    parser.add_argument("--whole-step", action="store_true", help="all events, not the pick alone")
    parser.add_argument("-o", "--out", metavar="FILE", help="write here, not on standard output")
    parser.add_argument(
        "--proof", action="store_true", help="write FILE's name with _proof.c beside it"
    )


def run(args: argparse.Namespace) -> int:
    """Write the function."""
    if args.proof and args.out is None:
        raise Mistake("--proof", True, "-o FILE, beside which it is written")
    made = export(
        args.policy, args.planes, style=args.style, name=args.name, whole_step=args.whole_step
    )
    if args.out is None:
        print(made, end="")
        return 0
    written = made.save(args.out, proof=args.proof)
    print("\n".join(f"written: {path}" for path in written))
    print(f"{made.n_lines} lines")
    return 0
