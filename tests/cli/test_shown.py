"""What stands in the tables and plots of answers: shares of time, roles, what they rest on."""

from itertools import pairwise

import pytest

from planesched import Workload, compare, simulate
from planesched.cli import main
from planesched.figures.budget import budget, role
from planesched.figures.scores import scores
from planesched.workload import Periodic

TIMER = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])


@pytest.fixture(scope="module")
def relayed():
    """Direct entry and relaying, with all else alike."""
    both = ["vsm:marker=2", "vsm:marker=2,preempt=relay"]
    return compare(both, 3, 1, TIMER, duration="1 s", costs="any=1us")


def told(capsys, *words):
    assert main([*words]) == 0
    return capsys.readouterr().out


def test_the_budget_is_compared_share_by_share(relayed):
    """Time of each plane, switching, userspace and blocked: with differences, to 100 %."""
    rows = {one.title: one.cells for one in scores(relayed)}
    names = ("level0", "level1", "level2", "switching", "userspace", "blocked")
    for result, place in zip(relayed, (0, 1), strict=True):
        shares = [rows[f"{role(name)}, of vCPU time"][place] for name in names]
        found = [float(cell.value.removesuffix(" %")) for cell in shares]
        assert sum(found) == pytest.approx(100, abs=0.03)
        expected = result.interval("switching").value
        assert found[3] == pytest.approx(100 * expected, abs=0.006)
    assert rows["switching, of vCPU time"][1].apart.startswith("[+0.10 %")
    assert "+-" in rows["blocked, of vCPU time"][1].apart
    assert rows["idle entries/s a vCPU"][1].apart == "[+1,001]"
    kept = relayed.as_dict()["differences"]
    assert {"utilisation", "switching", "blocked", "exits_hz"} <= {each["metric"] for each in kept}


def test_a_replay_claims_no_interval(capsys):
    """It is one batch: by how much another trace would differ is not known."""
    words = ("replay", ":demo", "--map", "0x26=level1", "--policy", "vsm", "--policy", "tdx")
    assert "confidence" not in told(capsys, *words)


def test_rows_are_called_by_role(capsys):
    words = ("replay", ":demo", "--map", "0x26=level1", "--policy", "vsm", "--policy", "tdx")
    out = told(capsys, *words)
    assert "response p99, guest OS" in out
    assert "response p99, level0" not in out
    assert "tdx: level0 (guest OS) = plane 1, level1 = plane 0" in " ".join(out.split())


def test_a_replay_without_service_says_so(capsys):
    """All latencies are then 0 ns, which would look like an answer."""
    words = ("replay", ":demo", "--map", "0x26-0x27=level1", "--policy", "vsm")
    assert "service: none, interrupts take their planes no time here" in told(capsys, *words)
    assert "service: none" not in told(capsys, *words, "--service", "level1=5us")


def test_coalesced_interrupts_are_told_of():
    """Their latency counts once, so that its mean may be above that of sojourn."""
    disk = Periodic("level0", "1 us", period="100 us", name="disk")
    both = Workload([disk, Periodic("level1", "900 us", period="1 ms", name="timer")])
    found = simulate("vsm", 2, 1, both, duration="10 ms")
    merged = int(found.stats.coalesced[0])
    assert merged > 10
    said = f"guest OS (plane 0): {merged} interrupts coalesced; latency and response count from"
    assert said in " ".join(str(found).split())


def test_a_plot_says_what_it_rests_on(tmp_path, capsys):
    """Title, seed, costs, digest and version are on it."""
    path = tmp_path / "both.svg"
    told(capsys, "compare", "exit-cost", "--duration", "5ms", "--plot", str(path))
    svg = path.read_text()
    for words in (
        "What an exit to userspace may cost",
        "seed 1",
        "costs any 1.00 us",
        "planesched 0",
    ):
        assert words in svg


def test_ticks_of_percentiles_do_not_touch():
    """Their labels grow with each nine; drawn, none covers the next."""
    from planesched.report.plots import latency_plot

    figure = latency_plot(compare("vsm", 2, 1, TIMER, duration="200 s"))
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [tick.get_window_extent() for tick in ax.get_xticklabels() if tick.get_text()]
        assert len(boxes) >= 3
        assert all(one.x1 + 2 < other.x0 for one, other in pairwise(boxes))


def test_a_livelock_is_said_first_and_where_its_time_went():
    found = simulate(
        "vsm:scheduler=user", 2, 1, TIMER, userspace=lambda *_: 1, duration="5 ms", costs="exit=5us"
    )
    said = str(found)
    assert said.startswith("WARNING: vCPU 0: livelock at ")
    assert found.livelocks
    shares = budget(found)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["userspace"] + shares["switching"] > 0.5
    assert " userspace " in said


def test_response_comes_before_latency_and_says_what_it_is(relayed):
    said = str(relayed[0])
    assert said.index("response p50") < said.index("latency p99")
    assert "response is to the plane's first instruction, latency to the injection" in " ".join(
        said.split()
    )
    at = {one.title: one.cells for one in scores(relayed)}
    assert list(at).index("response p99, timer") < list(at).index("latency p99, timer")
    assert at["response p99, timer"][0].value == "1.00 us"
    assert at["latency p99, timer"][0].value == "0 ns"


def test_planes_that_nobody_locks_in_are_warned_of():
    found = simulate("vsm_locked", 2, 1, TIMER, duration="5 ms")
    assert found.levels["level0"] == 1
    said = " ".join(str(found).split())
    assert said.startswith("WARNING: rank=locked, and no plane is locked in here: plane 0, where")
    assert "the guest OS is plane 1" in said
    assert "WARNING" not in str(simulate("vsm", 2, 1, TIMER, duration="5 ms"))


def test_costs_from_plane_to_plane_that_mislead_are_named():
    run = {"planes": 2, "vcpus": 1, "workload": TIMER, "duration": "5 ms"}
    said = " ".join(str(compare(["vsm", "kvm_planes"], costs={"0-2": "1 us"}, **run)).split())
    assert "costs of 0-2 never arise: 2 planes" in said
    assert "go by numbers: not the same levels under each policy" in said
    said = " ".join(str(compare(["vsm", "openhcl"], costs={"0-1": "1 us"}, **run)).split())
    assert "never arise" not in said
    assert "go by numbers" not in said


def test_what_is_broken_is_told_with_what_was_asked_and_nothing_of_speed(capsys):
    assert main(["check", "kvm_planes"]) == 1
    out = capsys.readouterr().out
    assert "wakeup: broken in 3 steps\n  asked: No vCPU is blocked while a plane that is" in out
    assert "transitions/s" not in out
    assert "MiB" not in out
    assert main(["check", "kvm_planes"]) == 1
    assert capsys.readouterr().out == out
    assert main(["check", "--matrix", "vsm", "snp"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "in brackets: the steps of a shortest way there" in said


def test_a_difference_is_explained_by_policy(capsys):
    assert main(["diff", "vsm", "kvm_vsm", "--planes", "3", "--explain"]) == 1
    out = capsys.readouterr().out
    assert "where they differ, step 2 under vsm:" in out
    assert "where they differ, step 2 under kvm_vsm:" in out
    assert "vCPU 1" not in out
    assert main(["diff", "vsm", "--set", "marker=2", "--planes", "3"]) == 0
    assert "marker: none | 2" in capsys.readouterr().out


def test_figures_by_plane_are_frames(relayed):
    import polars as pl

    stats, jobs = relayed[0].stats, relayed[0].jobs
    for found, name in ((stats, "running_ns"), (jobs, "finished")):
        frame = pl.DataFrame(found)
        assert frame["plane"].to_list() == [0, 1, 2]
        assert frame[name].to_list() == [*map(int, getattr(found, name))]
        assert found._repr_html_().startswith("<table>")


def test_calls_have_no_response_to_tell_of(capsys):
    """Nothing is injected for them: neither the verdict nor a row speaks of it."""
    out = told(capsys, "compare", "vsm-boot", "--duration", "20ms")
    assert "p99 response of guest timer " in " ".join(out.split("\n\n")[0].split())
    assert "response mean, disk" in out
    assert "response mean, memory protection" not in out
    assert "sojourn mean, memory protection" in out
