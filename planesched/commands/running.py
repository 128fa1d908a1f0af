"""What the commands that simulate share: a scenario, changed by options, and progress."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..checks import slice_of
from ..errors import Mistake
from ..figures.results import Results
from ..irqchip import as_controller
from ..policytext import as_policies, field_value
from ..report.progress import progress
from ..scenarios import Scenario, load_scenario
from .options import add_costs, called, count, duration, factor, integer, typed_as, typed_costs
from .out import write_report

__all__ = ["add_running", "arguments", "policies", "report_run", "ticking", "varied"]


def add_running(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """Take a scenario, which may be missing with ``--again``, and what may be changed of it."""
    add = parser.add_argument
    add(
        "scenario", metavar="SCENARIO", nargs="?" if again else None,
        help="a .toml file, or a name (see planesched scenarios)",
    )  # fmt: skip
    add("--duration", type=duration, metavar="TIME", help="how long, instead of the file's")
    add("--warmup", type=duration, metavar="TIME", help="before counting begins")
    add("--jobs", type=count, metavar="N", help="until so many jobs have finished")
    add("--seed", type=integer, metavar="N", help="of all random numbers")
    add("--vcpus", type=count, metavar="N", help="how many vCPUs")
    add("--threads", type=count, metavar="N", help="how many (default: as there are processors)")
    add("--slice", type=duration, metavar="TIME", help="after which a running plane is resched")
    add("--controller", metavar="SETUP", help="planes have interrupt controllers: lapic")
    add("--scale", type=factor, metavar="X", help="X times as many interrupts and calls a second")
    add_costs(parser)


def policies(scenario: Scenario, texts: list[str]) -> dict[str, Any]:
    """Give the policies that are named, or the scenario's."""
    planes = scenario.arguments["planes"]
    with called("--policy"):
        return as_policies(texts, planes) if texts else scenario.policies


def varied(chosen: dict[str, Any], text: str) -> dict[str, Any]:
    """Return one policy with a field at several values: what ``--ab`` takes."""
    field, equals, values = (part.strip() for part in text.partition("="))
    if not equals or "," not in values:
        raise Mistake("--ab", text, "FIELD=VALUE,VALUE, as preempt=target,relay")
    label, policy = next(iter(chosen.items()))
    with called("--ab"):
        return {
            f"{label}{',' if '=' in label else ':'}{field}={value.strip()}": policy.replace(
                **{field: field_value(field, value)}
            )
            for value in values.split(",")
        }


def arguments(args: argparse.Namespace) -> tuple[Scenario, dict[str, Any]]:
    """Give the scenario, and the arguments of `planesched.simulate`."""
    with typed_as(scenario="SCENARIO"):
        scenario = load_scenario(args.scenario)
    out = dict(scenario.arguments)
    for name in ("duration", "warmup", "jobs", "seed", "vcpus", "threads"):
        if getattr(args, name) is not None:
            out[name] = getattr(args, name)
    if args.slice is not None:
        with called("--slice"):
            out["slice_ns"] = slice_of(args.slice)
    if args.controller is not None:
        with called("--controller"):
            out["controller"] = as_controller(args.controller)
    if args.jobs is not None and args.duration is None:
        out.pop("duration", None)
    if args.scale is not None:
        with called("--scale"):
            out["workload"] = out["workload"].scaled(args.scale)
    out["costs"] = typed_costs(args.costs, out["costs"])
    return scenario, out


def report_run(
    args: argparse.Namespace, results: Results, title: str, options: dict[str, Any]
) -> None:
    """Write a simulation as a page, with timelines of its begin, if ``--report`` was given."""
    if args.report is None:
        return
    from ..report.page.runs import logged

    given = {} if results.partial else logged(results, options)
    write_report(args, results, title, **given)


@contextmanager
def ticking(what: str) -> Iterator[dict[str, Any]]:
    """Show progress on a terminal; gives what `simulate` takes for it."""
    with progress(what) as tick:
        if tick is None:
            yield {}
            return
        began_s = time.monotonic()

        def told(part: float, events: int) -> None:
            rate = events / max(time.monotonic() - began_s, 1e-9) / 1e6
            tick(f"{100 * part:.0f} %, {rate:.1f} M events/s", part)

        yield {"progress": told}
