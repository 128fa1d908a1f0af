"""Helpers for tests of the timed engine: jobs from rows, and what a vCPU did when."""

import numpy as np

from planesched import JOB, STATE, Engine

KINDS = ("run", "user", "blocked", "switch")


def make_jobs(*rows):
    """Make jobs of (time_ns, plane, service_ns), or with (..., vcpu, source) behind."""
    jobs = np.zeros(len(rows), dtype=JOB)
    for job, (time_ns, plane, service_ns, *rest) in zip(jobs, rows, strict=True):
        job["time_ns"], job["plane"], job["service_ns"] = time_ns, plane, service_ns
        job["vcpu"], job["source"] = (*rest, 0, 0)[:2]
    return jobs


def timeline(engine: Engine, until_ns: int, vcpu: int = 0) -> list[tuple[int, str, int]]:
    """Advance event by event; give (begin, kind, current plane) of every stretch of time."""
    out: list[tuple[int, str, int]] = []
    while engine.now_ns < until_ns:
        began, before = engine.now_ns, engine.time_ns()[vcpu]
        engine.advance(began)
        plane = int(engine.state[vcpu]["current"])
        following = engine.next_event_ns
        engine.advance(until_ns if following is None else min(following, until_ns))
        passed = engine.time_ns()[vcpu] - before
        assert passed.sum() == engine.now_ns - began
        if engine.now_ns == began:
            continue
        (kind,) = np.flatnonzero(passed)
        stretch = (began, KINDS[kind], plane)
        if not out or out[-1][1:] != stretch[1:]:
            out.append(stretch)
    return out


def latencies(engine: Engine, plane: int) -> tuple[int, int | None, int | None]:
    """Give count, least and greatest latency from arrival to injection."""
    stats = engine.stats()
    low, high = stats.latency[plane].min_ns, stats.latency[plane].max_ns
    return int(stats.injected[plane]), low, high


def sojourns(engine: Engine, plane: int) -> tuple[int, int | None, int | None]:
    """Give count, least and greatest time from arrival to end of service."""
    jobs = engine.jobs()
    return int(jobs.finished[plane]), jobs.sojourn[plane].min_ns, jobs.sojourn[plane].max_ns


JOBS = make_jobs((100, 0, 50), (120, 1, 30), (130, 2, 20))
COSTS = {"interrupt": 3, "return": 2, "call": 5, "relay": 4, "halt": 7, "user": 6, "exit": 10}


def run(policy, jobs=JOBS, until_ns=400, *, costs=COSTS, **settings):
    engine = Engine(policy, 3, costs=costs, **settings)
    engine.feed(jobs)
    lines = timeline(engine, until_ns)
    stats = engine.stats()
    assert not stats.balance().any()
    assert (engine.jobs().arrived == engine.jobs().finished + engine.jobs().queued).all()
    return engine, lines


def state(**masks):
    out = np.zeros((), dtype=STATE)
    out["online"], out["runnable"] = 0b111, 0b001
    for name, mask in masks.items():
        out[name] = mask
    return out
