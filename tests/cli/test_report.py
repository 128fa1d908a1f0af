"""Tables fit and align; progress shows on a terminal, and only there."""

import io
import sys

import numpy as np
import pytest

import planesched
from planesched.report import progress as drawing
from planesched.report.policies import Row, policy_table
from planesched.report.progress import progress
from planesched.text import fill, table


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_numbers_stand_to_the_right():
    rows = [("a", "1"), ("long", "1.5 us"), ("b", "-")]
    assert table((("", "name"), ("mean", "count")), rows).splitlines() == [
        "        mean",
        "name   count",
        "------------",
        "a          1",
        "long  1.5 us",
        "b          -",
    ]


def test_tall_rows_are_parted():
    assert table(("a", "b"), [("x", ["1", "2"]), ("y", "3")]).splitlines() == [
        "a  b", "----", "x  1", "   2", "", "y  3",
    ]  # fmt: skip


def test_words_are_not_broken():
    assert fill("plane-0-first runs plane-1-later", 20, hang=2) == [
        "plane-0-first runs",
        "  plane-1-later",
    ]


def test_a_narrow_terminal_gets_paragraphs():
    stats = planesched.VM(planes=2, vcpus=1, policy="vsm").run(_events())
    row = Row("vsm", stats, (0, 1), ["a note"])
    wide, narrow = policy_table([row]), policy_table([row], columns=60)
    assert wide.splitlines()[1].split()[:2] == ["policy", "switches"]
    assert narrow.splitlines()[:3] == [
        "vsm",
        "  2 switches, 0 exits, 0 bounces",
        "  1 by interrupt",
    ]
    assert max(map(len, narrow.splitlines())) <= 60
    assert wide.endswith("\n\nvsm: a note")
    assert narrow.endswith("\n\nvsm: a note")


def _events():
    events = np.zeros(2, planesched.EVENT)
    events["time_ns"] = [0, 1000]
    events["kind"] = [planesched.Event.IRQ, planesched.Event.RETURN]
    events["plane"] = [1, 0]
    return events


def test_a_pipe_is_quiet(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress("x") as tick:
        assert tick is None
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("fails", [False, True])
def test_a_terminal_is_told_and_cleaned(monkeypatch, fails):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(drawing, "_rich", lambda: None)
    try:
        with progress("replaying") as tick:
            tick("1.00 ms", 0.5)
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    said = sys.stderr.getvalue()
    assert "replaying: 1.00 ms, 0 s left" in said
    assert said.endswith("\r\x1b[K")
