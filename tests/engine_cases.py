"""Random cases for the timed engine, and its figures and those of the slow model in one form."""

import random
from collections import Counter
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from slow_engine import Arrival, LivelockError

from planesched.algorithm import Algorithm
from planesched.events import MASKS, Event, Flags, JobKind, Reason
from planesched.layouts import STATE
from planesched.policy import ENUMS, Policy, Scheduler
from planesched.presets import presets
from planesched.reference import NOBODY, boot_state

TIMES = ("running", "userspace", "blocked", "transition")
COUNTS = ("delivered", "coalesced", "injected", "vina", "nmis")
LASTING = ("pending", "intervals", "longest_ns", "age_ns")
REASONS = [reason.name.lower() for reason in Reason if reason]


class Case(NamedTuple):
    """What both are given; `guests` as the slow model takes them."""

    policy: Policy
    planes: int
    vcpus: int
    end: int
    forward: int
    guests: dict[str, Any]


def extremes(times):
    """Count, least, greatest and sum, as both sides are compared."""
    return (len(times), min(times, default=None), max(times, default=None), sum(times))


def slow_figures(runs, planes):
    """What the slow model says of all vCPUs."""
    theirs = [[job for queue in run.queues.values() for job in queue] for run in runs]
    queued = Counter((job.behind or job).plane for jobs in theirs for job in jobs)
    forwarded = Counter(plane for run in runs for plane in run.forwarded)
    exits = Counter(reason.name.lower() for run in runs for reason in run.exits.elements())
    spent = {what: [sum(r.times[what, p] for r in runs) for p in range(planes)] for what in TIMES}
    return {
        **counts_of_steps(runs, planes),
        **intervals(runs, planes),
        "exits": exits,
        "pending": [sum(r.state("irq") >> p & 1 for r in runs) for p in range(planes)],
        "latency": [extremes([x for r in runs for x in r.latencies[p]]) for p in range(planes)],
        "response": [extremes([x for r in runs for x in r.responses[p]]) for p in range(planes)],
        "sojourn": [
            extremes([x for r in runs for x in r.sojourns[p, JobKind.INTERRUPT]])
            for p in range(planes)
        ],
        "queued": [queued[p] for p in range(planes)],
        "forwarded": [forwarded[p] for p in range(planes)],
        "time": [[sum(r.times[x, p] for p in range(planes)) for x in TIMES] for r in runs],
        **{f"{what}_ns": spent[what] for what in TIMES[:3]},
        "suspended_ns": [sum(r.suspended[p] for r in runs) for p in range(planes)],
        "idle_entries": [sum(r.idle_entries[p] for r in runs) for p in range(planes)],
        "state": [run.values for run in runs],
    }


def counts_of_steps(runs, planes):
    """Count the steps of all timelines by what they did."""
    entries = np.zeros((planes, planes), int)
    reasons, faults = Counter(), Counter()
    out = {name: [0] * planes for name in COUNTS}
    for _, _, event, plane, (was, now, reason, fault, flags) in chain(*(r.timeline for r in runs)):
        if flags & (Flags.SWITCHED | Flags.BOUNCED):
            entries[was, now] += 1
            reasons[reason.name.lower()] += 1
        if fault:
            faults[fault.name.lower()] += 1
        elif event == Event.IRQ:
            out["delivered"][plane] += 1
            out["coalesced"][plane] += bool(flags & Flags.COALESCED)
        out["injected"][now] += bool(flags & Flags.INJECTED)
        out["vina"][now] += bool(flags & Flags.VINA)
        out["nmis"][now] += bool(flags & Flags.NMI)
    return {"entries": entries.tolist(), "reasons": reasons, "faults": faults, **out}


def intervals(runs, planes):
    """From entry to leaving: how many by plane, the longest, and the age of the last one."""
    out = {name: [0] * planes for name in ("intervals", "longest_ns", "age_ns")}
    for run in runs:
        entered = 0
        for time, _, _, _, (was, _, _, _, flags) in run.timeline:
            if flags & Flags.SWITCHED:
                out["intervals"][was] += 1
                out["longest_ns"][was] = max(out["longest_ns"][was], time - entered)
                entered = time
        age = out["age_ns"]
        age[run.current] = max(age[run.current], run.now - entered)
    return out


def wide(words):
    return [int(word["lo"]) | int(word["hi"]) << 64 for word in words]


def responses(engine, planes):
    """Count, least, greatest and sum of what the rows of each plane say."""
    rows, planes_of = engine.read()[2], np.array(engine.row_planes)
    out = []
    for plane in range(planes):
        mine = rows[(planes_of == plane) & (rows["injected"] > 0)]
        least = int(mine["response_min_ns"].min()) if len(mine) else None
        most = int(mine["response_max_ns"].max()) if len(mine) else None
        out.append((int(mine["injected"].sum()), least, most, sum(wide(mine["response_ns"]))))
    return out


def engine_figures(engine, planes):
    """What the engine says of all vCPUs."""
    stats, jobs = engine.stats(), engine.jobs()
    latency_sum = wide(stats.figures["latency_ns"])
    sojourn_sum = wide(jobs.totals["sojourn_ns"])
    return {
        "entries": stats.entries.tolist(),
        "reasons": stats.entries_by_reason,
        "exits": stats.exits_by_reason,
        "faults": stats.faults_by_code,
        **{name: [int(it) for it in getattr(stats, name)] for name in (*COUNTS, *LASTING)},
        "latency": [
            (
                int(stats.injected[p]),
                stats.latency[p].min_ns,
                stats.latency[p].max_ns,
                latency_sum[p],
            )
            for p in range(planes)
        ],
        "response": responses(engine, planes),
        "sojourn": [
            (int(jobs.finished[p]), jobs.sojourn[p].min_ns, jobs.sojourn[p].max_ns, sojourn_sum[p])
            for p in range(planes)
        ],
        "queued": [int(count) for count in jobs.queued],
        "time": engine.time_ns().tolist(),
        **{f"{what}_ns": list(getattr(stats, f"{what}_ns")) for what in (*TIMES[:3], "suspended")},
        "forwarded": [int(count) for count in jobs.forwarded],
        "idle_entries": [int(count) for count in stats.idle_entries],
        "state": [tuple(int(row[name]) for name in STATE.names) for row in engine.state],
    }


def one_change(rng, planes):
    """A change of one field of a policy."""
    field = rng.choice([*ENUMS, "marker", "rearm", "refuse_pending", "vina_auto_reset", "boot"])
    if field in ENUMS:
        return {field: rng.choice(list(ENUMS[field]))}
    if field in ("marker", "boot"):
        return {field: rng.randrange(planes)}
    return {field: rng.random() < 0.5}


def random_policy(rng, planes):
    """A preset, as it is or with one field changed, often scheduled by userspace."""
    policy = Policy.preset(rng.choice(list(presets())), planes)
    changes = one_change(rng, planes) if rng.random() < 0.6 else {}
    if rng.random() < 0.4:
        some = frozenset(rng.sample(REASONS, rng.randrange(4)))
        changes |= {"scheduler": "user", "accelerated": some}
    try:
        return policy.replace(**changes)
    except ValueError:  # the change needs a marker, and this policy has none
        return policy.replace(**changes, marker=rng.randrange(planes))


def random_state(rng, policy, planes):
    """The boot state, or by hand: some planes offline, some bits set."""
    offline = {p for p in range(planes) if p not in (policy.marker, policy.boot)}
    offline = {p for p in offline if rng.random() < 0.1}
    state = list(boot_state(policy, planes, [p for p in range(planes) if p not in offline]))
    for name in ("masked", "noint", "vina", "locked", "irq", "nmi", "trap", "halted", "held"):
        if rng.random() < (0.02 if name == "held" else 0.15):
            state[MASKS.index(name)] = rng.randrange(1 << planes) & state[0]
    return tuple(state)


def random_arrivals(rng, planes, vcpus, span, forward):
    """Some jobs; on a short span many at one instant."""
    return [
        Arrival(
            rng.randrange(span),
            rng.choice(planes),
            rng.randrange(rng.choice([1, 20, 60])),
            forward,
            source=source,
            vcpu=rng.randrange(vcpus),
        )
        for source in range(rng.randrange(25))
    ]


def random_case(seed):
    """A policy, what the guests do, and for how long."""
    rng = random.Random(seed)
    planes, vcpus = rng.randint(2, 5), rng.randint(1, 3)
    policy = random_policy(rng, planes)
    initial = random_state(rng, policy, planes)
    online = [plane for plane in range(planes) if initial[0] >> plane & 1]
    span = rng.choice([5, 50, 300, 1000])
    forwards = policy.marker is not None and policy.hands_over and rng.random() < 0.4
    forward = rng.randrange(8)
    costs = {name: rng.randrange(rng.choice([1, 5, 20])) for name in [*REASONS, "exit"]}
    guests = {
        "busy": [plane for plane in online if rng.random() < rng.choice([0, 0, 0.4])],
        "route": "marker" if forwards else "own",
        "costs": costs if rng.random() < 0.7 else {},
        "main": rng.choice(online) if rng.random() < 0.3 else None,
        "initial": initial,
        "arrivals": random_arrivals(rng, online, vcpus, span, forward),
    }
    return Case(policy, planes, vcpus, span + rng.randrange(100), forward, guests)


def by_lot(state, base, pre, event, memory):
    """Draw one of the planes that could run."""
    memory[0] = (memory[0] * 69069 + 1) % 2**31
    planes = [plane for plane in range(16) if (base | pre) >> plane & 1]
    return planes[(int(memory[0]) >> 12) % len(planes)]


def last(state, base, pre, event):
    """Stay in the current plane, or else pick the highest."""
    current = int(state["current"])
    return current if base >> current & 1 and not pre else (base | pre).bit_length() - 1


ALGORITHMS = [
    *("rank", "round_robin", "round_robin"),
    *(Algorithm(last), Algorithm(last, pure=True)),
    *[Algorithm(by_lot, memory=np.array([5]))] * 3,
]
TOLD = [
    *(Event.HOLD, Event.RELEASE, Event.FORCE, Event.STOP, Event.START, Event.INIT, Event.RESCHED),
    *(Event.NMI, Event.MASK, Event.UNMASK, Event.CLI, Event.STI, Event.INTERCEPT, Event.LOCK),
]


def told_case(seed):
    """The same with an algorithm, with slices and with events that the engine is told."""
    rng = random.Random(seed)
    case = random_case(seed)
    policy = case.policy
    if policy.scheduler == Scheduler.kernel:
        policy = policy.replace(algorithm=rng.choice(ALGORITHMS))
    if policy.marker is not None and rng.random() < 0.5:
        policy = policy.replace(rank="siblings")
    # Several planes that could run, and want to.
    state = list(case.guests["initial"])
    state[MASKS.index("runnable")] |= rng.randrange(1 << case.planes) & state[0]
    busy = [p for p in range(case.planes) if state[0] >> p & 1 and rng.random() < 0.5]
    guests = case.guests | {"initial": tuple(state), "busy": busy}
    guests["slice_ns"] = rng.choice([None, 1, 7, 30])
    online = [p for p in range(case.planes) if guests["initial"][0] >> p & 1]
    told = []
    for source in range(rng.choice([0, 6, 12])):
        event = rng.choice(TOLD)
        plane = rng.choice(online) if event != Event.RESCHED else NOBODY
        time = rng.randrange(case.end)
        told.append(
            Arrival(time, plane, event=event, source=source, vcpu=rng.randrange(case.vcpus))
        )
    guests["arrivals"] = [*guests["arrivals"], *told]
    return case._replace(policy=policy, guests=guests)


def stuck_at(run, end):
    """Run a vCPU of the slow model; give when it was stuck at one instant."""
    try:
        run.run(end)
    except LivelockError as livelock:
        return livelock.args[0]
    return None
