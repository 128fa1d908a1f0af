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
    block, _, rest = printed.partition("\nplanesched demo\n")
    lines = block.splitlines()
    assert max(map(len, lines)) <= 72
    assert lines[0].startswith("WARNING: plane-0-first: guest OS (plane 2) starved: 600 of 610")
    for result in results:
        [line] = [line for line in lines if line.startswith(f"{result.label}  ")]
        assert line.split()[-1] == str(int(result.jobs.queued.sum()))
    text = " ".join(block.split())
    assert " ".join(demo.sentences(*results)) in text
    assert "relay differs from direct in preempt target -> relay alone" in text
    assert "sha256" in text
    assert rest.endswith(f"{results}\n")
    assert max(map(len, printed.splitlines())) <= 80


def test_a_document_has_the_map_as_it_is_typed(results):
    assert results[0].given["map"] == list(demo.RULES)


def test_the_sentences_hold(results):
    """Each number, worked out here again, stands where the sentence has it."""
    direct, relay, first, user = results
    relaying, plane0, userspace = demo.sentences(*results)
    numbers = [int(n) for n in re.findall(r"(\d+)(?: switches| %|\b)", relaying.replace(",", ""))]
    percent = round(100 * (relay.stats.switches - direct.stats.switches) / direct.stats.switches)
    assert numbers == [relay.stats.switches, direct.stats.switches, percent]
    waits = [format_ns(each.stats.latency[1].max_ns) for each in (first, direct)]
    undone = int(first.jobs.arrived[2] - first.jobs.finished[2])
    assert f"{undone} of the guest OS's {int(first.jobs.arrived[2])} jobs undone" in plane0
    assert plane0.endswith(f"wait up to {waits[0]} (direct: {waits[1]}).")
    assert f"takes {user.stats.exits:,} exits" in userspace
    assert f"adds {format_ns(user.stats.exits * 1_000)} to these" in userspace


def test_what_leaves_the_jobs_undone(results):
    """It is the middle plane, which halts: the guest OS would have had the vCPU else."""
    first = results["plane-0-first"]
    heir = demo.replay_trace(
        ":demo",
        {"leaves": first.policy.replace(idle="leave")},
        plane_map=demo.PlaneMap.parse(demo.RULES),
        planes=demo.PLANES,
        service=demo.SERVICE_NS,
    )[0]
    assert heir.jobs.queued[2] < first.jobs.queued[2] / 20


def test_the_sentences_follow_the_figures(results):
    """Were the figures others, so were the sentences."""
    direct, relay, *_ = results
    swapped = demo.sentences(relay, direct, direct, direct)
    assert all(a != b for a, b in zip(demo.sentences(*results), swapped, strict=True))
    assert "(-" in swapped[0]


def test_the_answers_differ_as_the_design_question_says(results):
    """What the reader is to take home, on this trace."""
    direct, relay, first, user = results
    assert relay.stats.switches > direct.stats.switches
    assert relay.stats.entries_by_reason["relay"] > 0
    assert first.stats.latency[1].max_ns > 10 * direct.stats.latency[1].max_ns
    assert first.jobs.queued[2] > 100
    assert user.stats.switches == user.stats.exits == direct.stats.switches
    assert direct.stats.exits == 0


def test_the_same_every_time(results):
    again = demo.answers()
    assert [each.as_dict() for each in again] == [each.as_dict() for each in results]
    assert dataclasses.asdict(again[0].trace) == dataclasses.asdict(results[0].trace)
