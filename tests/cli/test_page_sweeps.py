"""Pages of sweeps: the points of every line are the rows', and what is marked is what parts."""

import re

import pytest
from pages import check

from planesched import sweep
from planesched.cli import main
from planesched.report.page import page
from planesched.simulation.curves import curves, lost
from planesched.text import format_ns
from planesched.workload import Exponential, Poisson, Workload

TIMER = Poisson("level1", Exponential("20 us"), rate="8 kHz", name="timer")
WORK = Workload([TIMER], busy=["level0"])
GRID = {"policy.scheduler": ["kernel", "user"], "costs.exit": ["1 us", "10 us", "40 us"]}


@pytest.fixture(scope="module")
def swept():
    return sweep(GRID, "vsm", 2, 1, WORK, duration="20 ms", seed=1, costs="any=1us")


def test_every_row_is_a_point_of_a_line(swept):
    text = page(swept, "planesched sweep", title="Exits")
    read = check(text)
    assert swept.findings()[0] == read.of("p", class_="verdict")[0][1]
    assert swept.cited("planesched sweep") == read.of("pre", id="cite")[0][1]
    expected = []
    for row in swept.rows():
        at = f"scheduler {row['policy_scheduler']} at {format_ns(row['exit_cost_ns'])}"
        if row["kind"] == "source":
            expected.append(f"{at}: {format_ns(row['response_p99_ns'])}")
        elif row["kind"] == "plane" and row["level"] == "level0":
            expected.append(f"{at}: {100 * row['running_share']:.2f} %")
    tips = re.findall(r"<circle[^>]*><title>([^<]*)</title>", text)
    assert sorted(tips) == sorted(expected)
    marked = [f"-{100 * part:.0f} % at {format_ns(round(x))}" for _, part, x in lost(curves(swept))]
    assert marked
    assert set(marked) <= {told for _, told in read.of("text")}
    assert page(swept, "planesched sweep", title="Exits") == text


def test_lines_lie_where_their_values_are(swept):
    """The same distance on the page for the same distance of the logarithm, or of the share."""
    text = page(swept)
    line = r'id="curve-0".*?<polyline class="line s1" points="([^"]*)"'
    points = re.search(line, text, re.DOTALL)[1].split()
    x0, x1, x2 = (float(point.split(",")[0]) for point in points)
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.624, abs=0.002)  # log 10 / log 40


def test_what_starves_never_looks_good():
    grid = {"workload.timer.rate": ["8 kHz", "80 kHz"]}
    swept = sweep(grid, "vsm", 2, 1, WORK, duration="20 ms", seed=1, costs="any=1us")
    read = check(page(swept))
    [(_, told)] = read.of("ul", class_="warnings")
    assert told == "timer starves under vsm at timer rate 80,000/s."
    assert told == swept.findings()[0]
    tips = [told for _, told in read.of("title") if told.endswith(", starved")]
    assert len(tips) == 1
    assert "starved" in curves(swept).text()


def test_without_a_setting_of_numbers_there_are_rows(tmp_path, capsys):
    path = tmp_path / "sweep.html"
    words = ["sweep", "design-question", "--grid", "policy=vsm,vsm_relay", "--duration", "10ms"]
    assert main([*words, "--report", str(path)]) == 0
    read = check(path.read_text())
    assert capsys.readouterr().out.endswith(f"report: {path}\n")
    assert not read.of("polyline")
    assert "2 points." in [told for _, told in read.of("p", class_="verdict")]
