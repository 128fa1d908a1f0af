"""Sweeps as curves: what is found on them, the shipped one, and the picture."""

import re

import pytest

from planesched import Scenario, Workload, sweep
from planesched.cli import main
from planesched.report.sweepplot import sweep_plot
from planesched.simulation.curves import GUEST, Curves, crossings, curves, findings, lost
from planesched.workload import Poisson

# What is simulated here, other tests simulate too; what is tested is Python.
pytestmark = pytest.mark.python

WORDS = ("sweep", "exit-cost")
QUICK = (*WORDS, "--duration", "50ms", "--grid", "policy.scheduler=kernel,user")
GRID = ("--grid", "costs.exit=1us,20us,100us")


def test_what_is_found_is_between_the_points_that_show_it():
    """By hand: b falls to 95 % of a half way from 2 to 4, and crosses it in the waiting at 3."""
    a, b = [(2.0, 1.0), (4.0, 1.0)], [(2.0, 1.0), (4.0, 0.9)]
    waits = {"a": [(2.0, 10.0), (4.0, 10.0)], "b": [(2.0, 5.0), (4.0, 15.0)]}
    found = Curves("exit_cost_ns", ("a", "b"), {GUEST: {"a": a, "b": b}, "p99": waits})
    assert [(line, part, round(x, 9)) for line, part, x in lost(found)] == [
        ("b", 0.01, 2.2),
        ("b", 0.05, 3.0),
    ]
    assert crossings(found) == [("p99", "b", 3.0)]
    assert findings(found) == [
        "Of the guest OS's time, b costs 1 % from 2 ns and 5 % from 3 ns of exit cost on, "
        "beside a.",
        "p99: b crosses a at 3 ns.",
    ]


def test_what_is_lost_at_every_point_is_not_called_little():
    """A line that never crosses a part of the first's share may cost more than it, or less."""
    lines = {"a": 0.8, "b": 0.795, "c": 0.4, "d": 0.0}
    shares = {line: [(2.0, share), (4.0, share / 2)] for line, share in lines.items()}
    shares["c"][1] = (4.0, 0.1)
    assert findings(Curves("n", tuple(lines), {GUEST: shares})) == [
        "b costs less than 1 % of the guest OS's time, beside a.",
        "c costs 50 % to 75 % of the guest OS's time, beside a.",
        "d costs 100 % of the guest OS's time, beside a.",
    ]


def test_many_lines_fit_a_mail_and_what_never_ran_is_said_first():
    grid = {"policy": ["vsm", "vsm_relay", "openhcl", "kvm_planes"], "costs.exit": ["1 us", "5 us"]}
    swept = sweep(grid, Scenario.load("design-question"), duration="5 ms", vcpus=1)
    cited = swept.cited("planesched sweep")
    assert max(map(len, cited.splitlines())) <= 72
    for policy in grid["policy"]:
        assert re.search(rf"^ +.*\b{policy}\b", cited, re.MULTILINE)
    said = "guest timer starves under kvm_planes at exit cost 1.00 us, 5.00 us."
    assert swept.findings()[0] == said
    assert "kvm_planes costs 100 % of the guest OS's time, beside vsm." in swept.findings()


def test_lines_and_facets_choose_themselves():
    found = curves(sweep(Scenario.load("exit-cost"), duration="20 ms"))
    assert found.x == "exit_cost_ns"
    assert found.lines == ("scheduler kernel", "scheduler user")
    assert list(found.facets) == [
        GUEST, "p99 response, guest timer", "p99 response, secure kernel"
    ]  # fmt: skip
    kernel, user = found.facets[GUEST].values()
    assert [x for x, _ in user] == [1e3, 2e3, 5e3, 10e3, 20e3, 50e3, 100e3]
    assert all(ours >= theirs for (_, ours), (_, theirs) in zip(kernel, user, strict=True))


def test_the_page_shows_the_shipped_curve(root, capsys, monkeypatch):
    page = (root / "docs" / "reference" / "simulation.md").read_text()
    [shown] = re.findall(
        r"<!-- shows: planesched sweep exit-cost --cite -->\n```text\n(.*?)```", page, re.S
    )
    monkeypatch.setattr("sys.argv", ["planesched", *WORDS, "--cite"])
    assert main([*WORDS, "--cite"]) == 0
    printed = re.sub(r"planesched 0\.\S+\n", "planesched 0.1\n", capsys.readouterr().out)
    assert printed == shown
    assert max(map(len, printed.splitlines())) <= 72


def test_the_text_begins_with_what_was_found(capsys):
    assert main([*QUICK, *GRID]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Of the guest OS's time, scheduler user costs 1 % from ")
    assert "user          100 us   " in out


def test_a_plot_marks_it(tmp_path, capsys):
    path = tmp_path / "curve.svg"
    assert main([*QUICK, *GRID, "--plot", str(path)]) == 0
    svg = path.read_text()
    for words in ("What an exit to userspace may cost", "5 % from", "-5 % at", "seed 1"):
        assert words in svg
    assert "exit cost" in svg
    assert main([*QUICK, "--plot", str(tmp_path / "none.svg")]) == 2
    assert "expected a setting of numbers with two values or more" in capsys.readouterr().err


def test_lines_are_compared_at_the_same_other_settings():
    """Of three settings: a policy beside the first policy, at the same load."""
    timer = Poisson("level1", "5 us", rate="20 kHz", name="timer")
    grid = {
        "policy.scheduler": ["kernel", "user"],
        "workload.scale": [0.5, 1.0],
        "costs.exit": ["1 us", "20 us"],
    }
    work = Workload([timer], busy=["level0"])
    swept = sweep(grid, "vsm", 2, 1, work, costs="any=1us", duration="5 ms")
    found = curves(swept)
    assert found.x == "exit_cost_ns"  # of two with as many values, the cost
    assert found.pairs() == [
        (f"scheduler user, scale {scale}", f"scheduler kernel, scale {scale}")
        for scale in (0.5, 1.0)
    ]
    assert "beside scheduler kernel, scale 0.5." in swept.findings()[0]
    sweep_plot(swept).draw_without_rendering()


def test_a_guest_without_work_has_no_curve_and_what_starves_no_point():
    timer = Poisson("level1", "5 us", rate="20 kHz", name="timer")
    grid = {"workload.scale": [0.5, 20.0]}
    swept = sweep(grid, "vsm", 2, 1, Workload([timer]), costs="any=1us", duration="20 ms")
    found = curves(swept)
    assert GUEST not in found.facets
    assert found.starved == {("p99 response, timer", "vsm", 20.0)}
    [ax] = sweep_plot(swept).axes
    assert [text.get_text() for text in ax.texts] == ["vsm: starved"]
    assert [y == y for y in ax.get_lines()[0].get_ydata()] == [True, False]


def test_a_grid_in_a_file(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    text = 'title = "t"\npolicies = ["vsm"]\n'
    path.write_text(f'{text}duration = "1 ms"\n[grid]\nseed = 3\n')
    assert main(["sweep", str(path)]) == 2
    assert "mine.toml:5: found seed = 3, expected a list of values" in capsys.readouterr().err
    assert main(["sweep", "vsm-boot"]) == 2
    assert "vsm-boot has no table [grid]" in capsys.readouterr().err
