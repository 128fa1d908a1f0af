"""Plots: what is drawn are the quantiles and counts of the results; files; what is missing."""

import re
import sys

import numpy as np
import pytest

import planesched
from planesched import compare, replay, simulate
from planesched.figures.notes import starved
from planesched.figures.planes import Stats
from planesched.report.plots import latency_plot, overview_plot, save_plot, switch_plot
from planesched.traces import PlaneMap
from planesched.workload import Exponential, Poisson, Workload

WORK = Workload(
    [
        Poisson("level1", Exponential("20 us"), rate="4 kHz", name="secure timer"),
        Poisson("level0", Exponential("8 us"), rate="20 kHz", name="network"),
        Poisson("level2", Exponential("1 us"), rate="0.01 Hz", name="never"),
    ]
)
SETTINGS = {"costs": {"any": "2 us"}, "duration": "20 ms", "seed": 2}


@pytest.fixture(scope="module")
def compared():
    return compare(["vsm", "vsm_relay"], 3, 2, WORK, **SETTINGS)


@pytest.fixture(scope="module")
def replayed(root):
    demo = root / "planesched" / "data" / "demo.txt.xz"
    rules = PlaneMap.parse(["0x26-0x27=level1", "call_function_single=level2"])
    return replay(demo, ["kvm_planes", "vsm"], plane_map=rules)


def panels(figure):
    return {ax.get_title(): ax for ax in figure.axes}


def curves(ax):
    return {line.get_label(): line for line in ax.get_lines() if line.get_label()[0] != "_"}


def check_curve(line, count, quantile_ns, greatest_ns):
    """A line is the quantile function: x is 1 / (1 - q), up to one of `count`."""
    x, y = line.get_xdata(), line.get_ydata()
    assert x[0] == 1
    assert x[-1] == pytest.approx(count)
    assert y[-1] == greatest_ns
    assert (np.diff(np.log(x)) > 0).all()
    for at, value in zip(x[:-1], y[:-1], strict=True):
        assert value == quantile_ns(1 - 1 / at)


def test_a_comparison_has_a_panel_a_source_and_a_line_a_policy(compared):
    figure = latency_plot(compared)
    assert list(panels(figure)) == ["secure timer", "network"]
    for source, ax in panels(figure).items():
        assert list(curves(ax)) == ["vsm", "vsm_relay"]
        for result in compared:
            row = result.rows[result.names.index(source)]
            check_curve(
                curves(ax)[result.label],
                int(row["injected"]),
                lambda q, of=result, source=source: of.response[source].quantile_ns(q),
                int(row["response_max_ns"]),
            )
            assert {line.get_linewidth() for line in curves(ax).values()} == {1.8}
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["vsm", "vsm_relay"]


def test_a_replay_has_a_panel_a_target_of_the_map(replayed):
    figure = latency_plot(replayed)
    assert list(panels(figure)) == ["guest OS", "level1", "level2"]
    for target, ax in panels(figure).items():
        for result in replayed:
            plane = result.levels["level0" if target == "guest OS" else target]
            if starved(result, plane):
                assert result.label not in curves(ax)
                assert f"{result.label}: starved" in [text.get_text() for text in ax.texts]
                continue
            # What the trace had no arrival of is injected, and not timed.
            assert 0 < result.stats.latency[plane].count <= result.stats.injected[plane]
            check_curve(
                curves(ax)[result.label],
                result.stats.latency[plane].count,
                lambda q, of=result.stats, plane=plane: of.latency[plane].quantile_ns(q),
                result.stats.latency[plane].max_ns,
            )


def test_figures_have_a_panel_a_plane(compared):
    stats = compared[0].stats
    ax = panels(latency_plot(stats))["plane 1"]
    line = ax.get_lines()[0]
    assert line.get_ydata()[-1] == stats.latency[1].max_ns
    named = panels(latency_plot({"mine": stats, "yours": compared[1].stats}))
    assert list(named) == ["plane 0", "plane 1"]
    assert list(curves(named["plane 0"])) == ["mine", "yours"]


@pytest.mark.parametrize("chosen", ["compared", "replayed"])
def test_axes_are_legible(chosen, request):
    for ax in latency_plot(request.getfixturevalue(chosen)).axes:
        percents = [label.get_text() for label in ax.get_xticklabels()]
        assert percents[:3] == ["50%", "90%", "99%"]
        assert ax.get_xticks()[:3].tolist() == [2, 10, 100]
        assert ax.get_xscale() == "log"
        least = min(min(line.get_ydata()) for line in ax.get_lines())
        labels = [label.get_text() for label in ax.get_yticklabels()]
        times = dict(zip(labels, ax.get_yticks(), strict=True))
        assert ("0" in times) == (least == 0)
        units = {"ns": 1, "us": 1_000, "ms": 1_000_000}
        for label, at in times.items():
            number, _, unit = label.partition(" ")
            assert label == "0" or int(number) * units[unit] == at
        bottom, top = ax.get_ylim()
        for line in ax.get_lines():
            assert bottom <= min(line.get_ydata()) <= max(line.get_ydata()) < top


def test_a_switch_matrix_shows_the_counts(compared, replayed):
    for results in (compared, replayed):
        figure = switch_plot(results)
        for result, ax in zip(results, figure.axes, strict=True):
            stats = result.stats
            assert ax.get_title() == f"{result.label}\n{stats.switches:,} switches"
            [image] = ax.get_images()
            assert (image.get_array().filled(0) == stats.entries).all()
            shown = {text.get_position()[::-1]: text.get_text() for text in ax.texts}
            assert shown == {
                at: f"{count:,}" for at, count in np.ndenumerate(stats.entries) if count
            }


def test_bounces_are_told():
    vm = planesched.VM("vsm", planes=2, vcpus=1)
    events = np.zeros(1, planesched.EVENT)
    stats = vm.run(events)
    stats.figures["entries"][1, 1] = 3
    [ax] = switch_plot(stats).axes
    assert ax.get_title() == "0 switches, 3 bounces"
    assert [text.get_text() for text in ax.texts] == ["3"]


def test_nothing_to_see():
    result = simulate("vsm", 2, 1, WORK.replace(sources=[]), duration=1000)
    [ax] = latency_plot(result).axes
    assert [text.get_text() for text in ax.texts] == ["no interrupt was injected"]
    assert not switch_plot(result).axes[0].texts


def test_sixteen_planes_and_many_policies(compared):
    stats = planesched.VM("vsm", planes=16, vcpus=1).run(np.zeros(0, planesched.EVENT))
    figure = overview_plot({f"policy {n}": stats for n in range(9)})
    assert len([ax for ax in figure.axes if ax.get_images()]) == 9


@pytest.mark.parametrize("kind", [".svg", ".png", ".pdf"])
def test_files(kind, compared, tmp_path):
    paths = [tmp_path / f"{name}{kind}" for name in "ab"]
    for path in paths:
        save_plot(overview_plot(compared), path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[kind])
    assert sorted(tmp_path.iterdir()) == paths
    if kind == ".svg":
        words = re.findall(r">([^<>]*)</text>", first.decode())
        assert {"secure timer", "vsm_relay", "99%", "from plane", "to plane"} <= set(words)


def test_pyplot_is_left_alone(compared, tmp_path):
    save_plot(overview_plot(compared), tmp_path / "a.png")
    assert "matplotlib.pyplot" not in sys.modules


def test_wrong_names_and_results(compared, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"x\.gif, expected a name that ends with \.svg, \.png"):
        save_plot(None, tmp_path / "x.gif")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        save_plot(None, tmp_path / "none" / "x.svg")
    with pytest.raises(ValueError, match="results: none, expected"):
        latency_plot([])
    with pytest.raises(ValueError, match="results: two of one name"):
        latency_plot([compared[0]] * 2)
    with pytest.raises(TypeError, match="results=3, expected a Stats"):
        latency_plot(3)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for call in (lambda: latency_plot(compared), lambda: save_plot(None, tmp_path / "x.svg")):
        with pytest.raises(ValueError, match=r"pip install 'planesched\[plot\]'"):
            call()
    assert not list(tmp_path.iterdir())
    assert isinstance(compared[0].stats, Stats)
