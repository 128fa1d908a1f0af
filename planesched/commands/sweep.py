"""``planesched sweep``: a scenario over a grid of settings."""

import argparse
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

from ..errors import Mistake, Words
from ..figures.written import ENDINGS
from ..policytext import field_value
from .options import called, count, factor, integer, typed_as
from .out import (
    add_cite,
    add_printed,
    add_report,
    check_drawings,
    check_out,
    print_answer,
    say,
    write_out,
    write_report,
)
from .running import add_running, arguments, policies, ticking

DESCRIPTION = """\
Simulate a scenario at every point of a grid, on some processes. Points that a Parquet file (--out)
has already are skipped, so a sweep that was stopped goes on where it was."""
EXAMPLE = (
    "planesched sweep design-question --grid policy=vsm,vsm_relay "
    "--grid workload.scale=0.5,1,2 --duration 1s"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_running(parser)
    parser.add_argument(
        "--grid", action="append", default=[], metavar="SETTING=VALUE,...",
        help="policy=, policy.FIELD=, costs.REASON=, workload.scale=, workload.SOURCE.FIELD=, "
        "vcpus=, seed=; repeatable (default: the file's table [grid])",
    )  # fmt: skip
    parser.add_argument("--workers", type=count, default=1, metavar="N", help="processes (1)")
    add_printed(parser)
    add_cite(parser)
    parser.add_argument("--out", metavar="FILE", help=f"write the rows: {', '.join(ENDINGS)}")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw curves into a .svg, .png or .pdf, crossovers marked"
    )
    add_report(parser)


def run(args: argparse.Namespace) -> int:
    """Sweep, and print a line for each point."""
    from ..simulation.sweep import sweep

    check_out(args.out, ENDINGS)
    check_drawings(args.plot, report=args.report)
    scenario, options = arguments(args)
    grid = _grid(args.grid) or scenario.grid
    if not grid:
        raise Mistake("--grid", Words("none"), f"one or more: {scenario.name} has no table [grid]")
    if "policy" not in grid:
        options["label"], options["policy"] = next(iter(policies(scenario, []).items()))
    kept = args.out if args.out is not None and args.out.endswith(".parquet") else None
    with ExitStack() as stack:
        stack.enter_context(typed_as(grid="--grid", costs="--grid: costs"))
        pool = stack.enter_context(ProcessPoolExecutor(args.workers)) if args.workers > 1 else None
        told = stack.enter_context(ticking("sweeping"))
        found = sweep(grid, executor=pool, out=kept, **options, **told)
    if kept is None:
        write_out(args, found)
    print_answer(args, found)
    if args.plot is not None:
        from ..report.plots import save_plot
        from ..report.sweepplot import sweep_plot

        save_plot(sweep_plot(found, scenario.title), args.plot)
        say(args, f"plot: {args.plot}")
    write_report(args, found, scenario.title)
    return 130 if found.partial else 0


_WHOLE = ("planes", "vcpus", "seed", "jobs")
_NUMBERS = ("scale", "chance", "until_precision")
_PLANES = ("plane", "to", "main")


def _grid(texts: list[str]) -> dict[str, list[Any]]:
    grid: dict[str, list[Any]] = {}
    for text in texts:
        name, values = _setting(text)
        if name in grid:
            raise Mistake("--grid", Words(f"{name} twice"), f"each once: {name}=VALUE,VALUE")
        grid[name] = values
    return grid


def _setting(text: str) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise Mistake("--grid", text, "SETTING=VALUE,VALUE,...")
    with called(f"--grid {name}"):
        return name.strip(), [_value(name.strip(), value) for value in _parts(name, values)]


def _parts(name: str, values: str) -> list[str]:
    """Part values; a policy's own settings have commas too: ``vsm:ret=resume,vina=off``."""
    out: list[str] = []
    for value in values.split(","):
        head, equals, _ = value.partition("=")
        if name == "policy" and equals and ":" not in head and out:
            out[-1] += f",{value}"
        else:
            out.append(value.strip())
    return out


def _value(name: str, text: str) -> Any:
    """Read what is a number as a number; times and rates stay as they are, for they have units."""
    head, _, field = name.partition(".")
    if head == "policy" and field:
        return field_value(field, text)
    last = name.rpartition(".")[2]
    kind = integer if last in _WHOLE else factor if last in _NUMBERS else None
    if kind is not None:
        try:
            return kind(text)
        except argparse.ArgumentTypeError:
            expected = "a whole number" if kind is integer else "a number above 0"
            raise Mistake("", text, expected) from None
    if last in _PLANES and text.isdecimal():
        return int(text)
    return text
