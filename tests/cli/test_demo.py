"""``planesched demo``: quick, and its sentences are what the figures say."""

import dataclasses
import re
import subprocess
import sys

import pytest

from planesched.commands import demo
from planesched.text import format_ns

NAMES = ["direct", "relay", "plane-0-first", "userspace"]


@pytest.fixture(scope="module")
def results():
    return demo.answers()


@pytest.fixture(scope="module")
def printed():
    done = subprocess.run(
        [sys.executable, "-m", "planesched", "demo"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_the_four_answers(results):
    assert [result.label for result in results] == NAMES
    direct, relay, first, user = (result.policy for result in results)
    assert user == direct.replace(scheduler="user")
    assert (direct.preempt.name, relay.preempt.name, first.preempt.name) == (
        "target",
        "relay",
        "marker",
    )


def test_what_is_printed(results, printed):
    lines = printed.splitlines()
    for result in results:
        [line] = [line for line in lines if line.startswith(f"{result.label}  ")]
        assert line.split()[1:3] == [str(result.stats.switches), str(result.stats.exits)]
    text = " ".join(printed.split())
    assert text.endswith(" ".join(demo.sentences(*results)))
    assert "take no time" in text


def test_the_sentences_hold(results):
    """Each number, worked out here again, stands where the sentence has it."""
    direct, relay, first, user = results
    relaying, plane0, userspace = demo.sentences(*results)
    numbers = [int(n) for n in re.findall(r"(\d+)(?: switches|%| interrupts| \()", relaying)]
    higher = sum(int(direct.stats.delivered[plane]) for plane in (1, 2))
    percent = round(100 * (relay.stats.switches - direct.stats.switches) / direct.stats.switches)
    assert numbers == [relay.stats.switches, higher, direct.stats.switches, percent]
    waits = [format_ns(each.stats.latency_max_ns(1)) for each in (relay, direct)]
    assert relaying.endswith(f"wait up to {waits[0]} (direct: {waits[1]}).")
    assert f"wait up to {format_ns(first.stats.latency_max_ns(1))} (direct: {waits[1]})" in plane0
    undone = int(first.jobs.arrived[2] - first.jobs.finished[2])
    assert f"{undone} of the guest OS's {int(first.jobs.arrived[2])} jobs are left" in plane0
    blocked, whole = first.stats.blocked_ns[1], 2 * first.elapsed_ns
    assert f"halted plane 1 for {format_ns(blocked)} of {format_ns(whole)}" in plane0
    assert f"{user.stats.switches} switches (direct: {direct.stats.switches})" in userspace
    assert f"with {user.stats.exits} exits" in userspace
    assert f"adds {format_ns(user.stats.exits * 1_000)} to these" in userspace


def test_the_sentences_follow_the_figures(results):
    """Were the figures others, so were the sentences."""
    direct, relay, *_ = results
    swapped = demo.sentences(relay, direct, direct, direct)
    assert all(a != b for a, b in zip(demo.sentences(*results), swapped, strict=True))
    assert f"(direct: {relay.stats.switches})" in swapped[2]
    assert "(-" in swapped[0]


def test_the_answers_differ_as_the_design_question_says(results):
    """What the reader is to take home, on this trace."""
    direct, relay, first, user = results
    assert relay.stats.switches > direct.stats.switches
    assert relay.stats.entries_by_reason["relay"] > 0
    assert first.stats.latency_max_ns(1) > 10 * direct.stats.latency_max_ns(1)
    assert first.jobs.queued[2] > 100
    assert user.stats.switches == user.stats.exits == direct.stats.switches
    assert direct.stats.exits == 0


def test_the_same_every_time(results):
    again = demo.answers()
    assert [each.as_dict() for each in again] == [each.as_dict() for each in results]
    assert dataclasses.asdict(again[0].trace) == dataclasses.asdict(results[0].trace)
