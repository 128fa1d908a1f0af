"""Tables fit and align; progress shows on a terminal, and only there."""

import io
import sys

import pytest

from planesched.report.progress import progress
from planesched.text import fill, fitted, table, width


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


def test_what_is_too_wide_stands_in_several_tables():
    rows = [("first", "1", "22"), ("second", "333", "4")]
    assert fitted(("", "left", "right"), rows, 19).splitlines()[:1] == ["        left  right"]
    assert fitted(("", "left", "right"), rows, 15).splitlines() == [
        "        left", "------------", "first      1", "second   333", "",
        "        right", "-------------", "first      22", "second      4",
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [None, "120"])
def test_text_is_80_columns_wide_in_a_pipe_or_as_columns_says(monkeypatch, columns):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert width() == int(columns or 80)


def test_a_pipe_is_quiet(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress("x") as tick:
        assert tick is None
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("fails", [False, True])
def test_a_terminal_is_told_and_cleaned(monkeypatch, fails):
    monkeypatch.setattr(sys, "stderr", Terminal())
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
