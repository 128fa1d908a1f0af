"""``planesched simulate``: a scenario's guests under one policy."""

import argparse

from .options import add_json
from .running import add_running, arguments, policies, ticking

DESCRIPTION = """\
Simulate the guests of a scenario file under one policy and print every plane's and every source's
latency and sojourn. Ctrl-C prints what was simulated so far, with the exit status 130."""
EXAMPLE = "planesched simulate design-question --policy vsm_relay --duration 2s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_running(parser)
    parser.add_argument(
        "--policy", metavar="POLICY", help="a preset or a TOML file (default: the file's first)"
    )
    parser.add_argument(
        "--until-precision", type=float, metavar="PART",
        help="stop when means are known to this part of themselves: 0.01",
    )  # fmt: skip
    add_json(parser)
    parser.add_argument(
        "--out", metavar="FILE", help="write the table to a .parquet, .json or .npz"
    )


def run(args: argparse.Namespace) -> int:
    """Simulate, and print the result."""
    from ..simulate import simulate
    from .out import check_out, write_out

    check_out(args.out, (".parquet", ".json", ".npz"))
    scenario, options = arguments(args)
    chosen = policies(scenario, [args.policy] if args.policy else [])
    label, policy = next(iter(chosen.items()))
    with ticking("simulating") as told:
        result = simulate(
            policy, label=label, until_precision=args.until_precision, **options, **told
        )
    write_out(args.out, result)
    print(result.to_json() if args.json else result)
    return 130 if result.partial else 0
