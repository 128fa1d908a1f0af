"""``planesched simulate``: a scenario's guests under one policy."""

import argparse

import numpy as np

from ..errors import Mistake, Words
from ..figures.results import Results
from ..figures.written import ENDINGS
from .again import add_baseline, baseline_of, print_changes
from .moments import add_explain_at, asked_moment, in_json, print_moments, simulated_moment
from .out import (
    LOG_ROOM,
    add_cite,
    add_plot,
    add_printed,
    add_report,
    add_timeline,
    check_drawings,
    check_out,
    print_answer,
    write_out,
    write_plot,
    write_timelines,
)
from .running import add_running, arguments, policies, report_run, ticking

DESCRIPTION = """\
Simulate the guests of a scenario file under one policy and print every plane's and every source's
latency and sojourn. Ctrl-C prints what was simulated so far, with the exit status 130."""
EXAMPLE = (
    "planesched simulate design-question --policy vsm_relay --duration 100ms "
    "--plot relay.svg --timeline relay.json.gz"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_running(parser)
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="POLICY",
        dest="policies",
        help="a preset or a TOML file (default: the file's first)",
    )
    parser.add_argument(
        "--until-precision", type=float, metavar="PART",
        help="stop when means are known to this part of themselves: 0.01",
    )  # fmt: skip
    add_printed(parser)
    add_cite(parser)
    add_baseline(parser)
    parser.add_argument(
        "--out", metavar="FILE", help=f"write the answer: {', '.join((*ENDINGS, '.npz'))}"
    )
    add_plot(parser)
    add_timeline(parser)
    add_report(parser)
    add_explain_at(parser)


def run(args: argparse.Namespace) -> int:
    """Simulate, and print the result."""
    from ..simulation.run import simulate

    check_out(args.out, (*ENDINGS, ".npz"))
    check_drawings(args.plot, args.timeline, args.report)
    asked, baseline = asked_moment(args), baseline_of(args)
    scenario, options = arguments(args)
    if len(args.policies) > 1:
        expected = "one policy here; planesched compare takes several"
        raise Mistake("--policy", Words(" and ".join(args.policies)), expected)
    chosen = policies(scenario, args.policies)
    label, policy = next(iter(chosen.items()))
    with ticking("simulating") as told:
        result = simulate(
            policy, label=label, until_precision=args.until_precision,
            log=LOG_ROOM if args.timeline else 0, **options, **told,
        )  # fmt: skip
    write_out(args, result)
    explained = simulated_moment(asked, result, options, until_precision=args.until_precision)
    print_answer(args, result, **in_json(explained))
    print_changes(args, baseline, Results([result]))
    print_moments(args, asked, explained)
    write_plot(args, result, scenario.title)
    report_run(args, Results([result], result.partial), scenario.title, options)
    if result.log is not None:
        written = result.log[np.isin(result.log["vcpu"], result.vcpu_ids)]
        # Groups of vCPUs share the room; there are not more of them than vCPUs.
        write_timelines(
            args, {label: written}, result.start_ns, result.start_ns + result.elapsed_ns,
            room=LOG_ROOM // result.vcpus,
        )  # fmt: skip
    return 130 if result.partial else 0
