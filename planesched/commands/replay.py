"""``planesched replay``: what each policy would have done with a recorded trace."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from ..errors import Mistake, Words
from ..figures.result import Result
from ..figures.results import Results
from ..figures.written import ENDINGS
from ..irqchip import as_controller
from ..policy import Policy
from ..policytext import as_policies
from ..replaying import Agreement, TakenVectors, verify, verify_vectors
from ..replaying.run import replay, route_of
from ..report.progress import progress
from ..text import duration_ns, format_ns
from ..traces import PlaneMap
from ..workload import Costs
from .again import add_baseline, baseline_of, print_changes
from .moments import add_explain_at, asked_moment, in_json, print_moments, replayed_moments
from .options import (
    add_costs,
    called,
    count,
    duration,
    integer,
    pairs,
    planes_number,
    typed_as,
    typed_costs,
)
from .out import (
    LOG_ROOM,
    PAGE_ROOM,
    add_cite,
    add_plot,
    add_printed,
    add_report,
    add_steps,
    add_timeline,
    check_drawings,
    check_out,
    headed,
    print_answer,
    read_once,
    stepped,
    write_out,
    write_plot,
    write_report,
    write_timelines,
)

DESCRIPTION = """\
Replay a recorded trace of Linux kvm: events (tracefs, trace-cmd report, perf script; plain, .gz,
.bz2, .xz or .zst) under some policies and print what each would have done. You say which plane each
vector is for, by level so that one map serves both directions: level0 is the guest OS's plane,
level1 the next above it. A halted vCPU waits, a busy one works for level0.
To record: trace-cmd record -C mono -b 65536 with -e kvm:NAME for kvm_apic_accept_irq,
kvm_apicv_accept_irq, kvm_inj_virq, kvm_entry, kvm_exit, kvm_eoi and kvm_vcpu_wakeup; trace.dat and
perf.data are read through the installed trace-cmd and perf. docs/how-to/capture.md has perf,
tracefs, one VM of many, APICv and AVIC."""
EXAMPLE = (
    "planesched replay :demo --map 0x26-0x27=level1 --map call_function_single=level2 "
    "--policy vsm --policy vsm_relay:ret=next_online --plot demo.svg --timeline demo.json.gz"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add = parser.add_argument
    add("trace", metavar="TRACE", help="a file, - for standard input, or :demo (the demo's trace)")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--map", action="append", metavar="RULE", dest="rules",
        help="[vcpuN:]VECTOR[-VECTOR]=PLANE or default=PLANE, for example 0xec=level1; repeatable",
    )  # fmt: skip
    where.add_argument("--map-file", metavar="FILE", help="rules in the table [map] of a TOML file")
    add(
        "--policy", action="append", required=True, metavar="POLICY", dest="policies",
        help="a preset or a TOML file, or either with changes: vsm:ret=resume; repeatable",
    )  # fmt: skip
    add("--planes", type=planes_number, metavar="N", help="1..16 (default: as the map needs)")
    add("--vcpus", type=count, metavar="N", help="how many vCPUs (default: as the trace shows)")
    add(
        "--service", action="append", default=[], metavar="[PLANE=]TIME",
        help="how long an interrupt takes its plane: level1=20us; repeatable (default 0)",
    )  # fmt: skip
    add_costs(parser)
    add("--in-userspace", action="store_true", help="also with each policy run by userspace")
    add("--route", choices=("own", "marker"), help="interrupts go to their plane, or by the marker")
    add(
        "--forward",
        type=duration,
        default=0,
        metavar="TIME",
        help="the marker's work to pass one on",
    )
    add("--slice", type=duration, metavar="TIME", help="after which a running plane is resched")
    add("--main", type=integer, metavar="PLANE", help="the guest OS's plane where one hands over")
    add("--skip-bad", action="store_true", help="count malformed lines and go on")
    add(
        "--arrivals", choices=("accepted", "injected"), default="accepted",
        help="what an interrupt's arrival is: kvm_apic_accept_irq, or kvm_inj_virq",
    )  # fmt: skip
    add(
        "--vm", type=threads, metavar="PID",
        help="of several VMs the one with this process, or with these threads: 6101,6102",
    )  # fmt: skip
    add(
        "--controller", metavar="SETUP",
        help="planes have interrupt controllers: lapic, or lapic:mask_by=tpr; vectors as recorded",
    )  # fmt: skip
    add_steps(parser)
    add(
        "--verify", action="store_true",
        help="hold each policy against the switches between planes that the trace recorded, with "
        "--controller against its injections and EOIs",
    )  # fmt: skip
    add(
        "--online", type=plane_list, metavar="P,P",
        help="with --verify: the planes that exist (default all; OpenHCL without guest VSM: 0,2)",
    )  # fmt: skip
    add_printed(parser)
    add_cite(parser)
    add_baseline(parser)
    add("--out", metavar="FILE", help=f"write the answer: {', '.join(ENDINGS)}")
    add_plot(parser)
    add_timeline(parser)
    add_report(parser)
    add_explain_at(parser)


def run(args: argparse.Namespace) -> int:
    """Replay, and print the table or the JSON."""
    check_out(args.out, ENDINGS)
    check_drawings(args.plot, args.timeline, args.report)
    asked, baseline = asked_moment(args), baseline_of(args)
    if asked is not None and (args.verify or read_once(args.trace)):
        found = "with --verify" if args.verify else "with a trace that can be read once"
        raise Mistake("--explain-at", Words(found), "a run that can be done again")
    rules = args.rules
    with called("--map"):
        plane_map = PlaneMap.parse(rules) if rules else PlaneMap.load(args.map_file)
    planes = plane_map.n_planes if args.planes is None else args.planes
    costs = typed_costs(args.costs, Costs())
    service = _service(args.service)
    with called("--policy"):
        policies = as_policies(args.policies, planes)
    with called("--controller"):
        controller = as_controller(args.controller)
    if args.verify:
        return _verify(args, policies, plane_map, planes)
    if args.online is not None:
        raise Mistake("--online", args.online, "--verify beside it")
    if args.forward and all(route_of(each, args.route) == "own" for each in policies.values()):
        expected = "a policy whose marker forwards (tdx, cca), or --route marker"
        raise Mistake("--forward", Words(format_ns(args.forward)), expected)
    options: dict[str, Any] = {
        "plane_map": plane_map, "planes": planes, "vcpus": args.vcpus, "service": service,
        "costs": costs, "forward_ns": args.forward, "route": args.route, "main": args.main,
        "skip_bad": args.skip_bad, "arrivals": args.arrivals, "vm": args.vm,
        "slice_ns": args.slice, "controller": controller,
    }  # fmt: skip

    def run_all(policies: Mapping[str, Policy], **more: Any) -> Results:
        with typed_as(service="--service", slice_ns="--slice", main="--main", vcpus="--vcpus"):
            return replay_trace(args.trace, policies, **options, **more)

    log = LOG_ROOM if args.timeline is not None else PAGE_ROOM if args.report is not None else 0
    results = run_all(
        policies, in_userspace=args.in_userspace, log=log, states=args.report is not None
    )
    _check_matches(args, results[0])
    results = stepped(args, results, run_all)
    write_out(args, results)
    explained = replayed_moments(asked, results, args.trace, options)
    print_answer(args, results, **in_json(explained))
    print_changes(args, baseline, results)
    print_moments(args, asked, explained)
    write_plot(args, results, f"What policies would have done with {args.trace}")
    logs = {result.label: result.log for result in results if result.log is not None}
    write_timelines(args, logs, 0, results[0].elapsed_ns)
    if args.report is not None:
        from ..report.page.runs import whole_until

        end_ns = min(whole_until(each, log, results[0].elapsed_ns) for each in logs.values())
        title = f"What policies would have done with {args.trace}"
        states = {each.label: each.states for each in results}
        write_report(args, results, title, logs=logs, states=states, end_ns=end_ns)
    return 130 if results.partial else 0


# What --verify would leave out.
_TIMED = (
    "service",
    "costs",
    "in_userspace",
    "forward",
    "slice",
    "out",
    "plot",
    "timeline",
    "report",
    "cite",
    "baseline",
)


def _verify(
    args: argparse.Namespace, policies: Mapping[str, Policy], plane_map: PlaneMap, planes: int
) -> int:
    """Print how far each policy agrees with the recorded switches; 1 if one does not."""
    for name in _TIMED:
        if getattr(args, name):
            option = f"--{name.replace('costs', 'cost').replace('_', '-')}"
            raise Mistake(
                option, Words("given"), "none with --verify, which has no time of its own"
            )
    common = {
        "plane_map": plane_map, "planes": planes, "main": args.main, "skip_bad": args.skip_bad,
        "vm": args.vm,
    }  # fmt: skip
    found: list[Agreement] | list[TakenVectors]
    with progress("verifying") as tick:
        what = "switches" if args.controller is None else "jobs"
        told = None if tick is None else lambda part, n: tick(f"{n:,} {what}", part or None)
        if args.controller is None:
            found = verify(args.trace, policies, online=args.online, progress=told, **common)
        else:
            if args.online is not None:
                raise Mistake("--online", args.online, "none with --controller")
            found = verify_vectors(
                args.trace, policies, controller=args.controller, progress=told, **common
            )
    if args.format == "json":
        document = {"schema": "planesched.verify/1", "policies": [each.as_dict() for each in found]}
        print(json.dumps(headed(args, document), indent=2))
    elif args.format == "text":
        between = "\n" if args.controller is None else "\n\n"
        print(between.join(str(each) for each in found))
    else:
        raise Mistake("--format", args.format, "text or json with --verify")
    return 0 if all(each.agrees for each in found) else 1


def _check_matches(args: argparse.Namespace, result: Result) -> None:
    """Refuse what was typed and matches nothing; a file of rules may be meant for many traces."""
    trace = result.trace
    if trace is None or not trace.arrivals:
        return
    if args.rules and trace.unmatched:
        expected = f"a vector of an interrupt of {args.trace} (planesched trace lists them)"
        raise Mistake("--map", Words(trace.unmatched[0]), expected)
    for text in args.service:
        name, equals, _ = text.rpartition("=")
        if equals and name != "level0" and not result.jobs.arrived[result.levels[name]]:
            expected = f"a level that an interrupt of {args.trace} is for"
            raise Mistake("--service", Words(text), expected)


def plane_list(text: str) -> list[int]:
    """Read what ``--online`` takes, for argparse."""
    if not all(part.isdecimal() for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of planes: 0,2")
    return [int(part) for part in text.split(",")]


def threads(text: str) -> list[int]:
    """Read what ``--vm`` takes, for argparse."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no process id, nor thread ids with commas")
    return numbers


def replay_trace(trace: str, policies: Mapping[str, Policy], **options: Any) -> Results:
    """Replay a trace, which ``:demo`` names too, with progress on a terminal."""
    with progress("replaying") as tick:
        if tick is not None:
            options["progress"] = lambda part, jobs: tick(f"{jobs:,} jobs", part or None)
        return replay(trace, policies, **options)


def _service(texts: list[str]) -> int | dict[str, int]:
    if len(texts) != 1 or "=" in texts[0]:
        return pairs("--service", texts, duration_ns)
    return duration_ns(texts[0], "--service")
