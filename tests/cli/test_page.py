"""The page: well formed, whole without a network; names stay text; figures are the results."""

import re

import numpy as np
import pytest
from pages import HOSTILE, check

from planesched import compare, replay, simulate
from planesched.cli import main
from planesched.events import Event, takes_plane
from planesched.figures.budget import budget
from planesched.figures.scores import scores
from planesched.live import probe
from planesched.live.ran import Ran
from planesched.reference import Reference
from planesched.report.page import page, write_page
from planesched.report.page.markup import Html, el, join
from planesched.report.page.runs import logged, whole_until
from planesched.workload import Exponential, Poisson, Workload

WORK = Workload(
    [
        Poisson("level1", Exponential("20 us"), rate="4 kHz", name="secure timer"),
        Poisson("level0", Exponential("8 us"), rate="20 kHz", name="network"),
    ]
)
SETTINGS = {"planes": 3, "vcpus": 2, "workload": WORK, "duration": "20 ms", "seed": 2}
SETTINGS |= {"costs": {"any": "2 us", "exit": "5 us"}}
LEVELS = ["0x26-0x27=level1", "call_function_single=level2"]


@pytest.fixture(scope="module")
def replayed():
    policies = ["vsm:marker=2", "vsm_relay", "kvm_planes", "vsm:marker=2,scheduler=user"]
    return replay(":demo", policies, plane_map=LEVELS, service="200 us", log=1 << 16, states=True)


@pytest.fixture(scope="module")
def read(replayed):
    return check(page(replayed, "planesched replay", title="The demo"))


def test_a_simulation_and_a_comparison_are_pages(tmp_path):
    short = SETTINGS | {"duration": "3 ms"}
    result = simulate("vsm", **short)
    one = check(page(result, "planesched simulate"))
    assert "timeline" not in one.data  # nothing was logged
    compared = compare(["vsm", "vsm_relay:ret=resume"], **short)
    compared = compared.stepped(lambda between: compare(between, **short))
    given = logged(compared, short)
    text = page(compared, "planesched compare", **given)
    check(text)
    write_page(tmp_path / "out.html", compared, "planesched compare", **given)
    assert (tmp_path / "out.html").read_text() == text
    assert "Field by field" in text
    result.write(tmp_path / "one.html")
    assert check((tmp_path / "one.html").read_text()).of("h1")[0][1] == "vsm"


def test_every_figure_is_one_of_the_results(read, replayed):
    by_row = {given["data-row"]: text for given, text in read.of("tr") if "data-row" in given}
    texts = list(by_row.values())
    for one in scores(replayed):
        [found] = [text for text in texts if text.startswith(one.title)]
        cells = "".join(cell.value + cell.apart.strip("[]") for cell in one.cells)
        assert found == one.title + cells
    assert replayed.cited("planesched replay") in read.of("pre", id="cite")[0][1]
    for place, result in enumerate(replayed):
        shares = read.data["time"][place]
        assert sum(shares["parts"]) == pytest.approx(1)
        assert shares["parts"][-1] == budget(result)["blocked"]
        assert shares["switches"] * result.time_ns.sum() / 1e9 == pytest.approx(
            result.stats.switches
        )
    shown = [
        (given["data-switch"], text) for given, text in read.of("td") if "data-switch" in given
    ]
    counts = [
        (f"{was} {now}", f"{count:,}" if count else "-")
        for result in replayed
        for (was, now), count in np.ndenumerate(result.stats.entries)
    ]
    assert shown == counts


def test_a_baseline_is_what_a_comparison_with_it_first_says(read, replayed):
    labels = list(replayed.labels)
    base = labels.index("kvm_planes")
    turned = type(replayed)([replayed[base], *(r for r in replayed if r.label != "kvm_planes")])
    rows = read.data["baselines"][base]
    for row, one in zip(rows, scores(turned), strict=True):
        apart = dict(zip(turned.labels, (cell.apart for cell in one.cells), strict=True))
        assert row == [apart[label] for label in labels]


def lanes(given):
    for lane in given["lanes"]:
        at, items = lane["begin"], []
        for length, state, cause, _ in np.array(lane["slices"]).reshape(-1, 4).tolist():
            items.append((at, at + length, given["states"][state], given["causes"][cause]))
            at += length
        yield lane, items


def test_lanes_add_up_to_the_times_of_the_results(read, replayed):
    given = read.data["timeline"]
    found = {}
    for lane, items in lanes(given):
        label = given["labels"][lane["policy"]]
        for begin, end, state, _ in items:
            key = label, state
            found[key] = found.get(key, 0) + end - begin
        assert items[0][0] == given["start"]
        assert items[-1][1] == given["end"]
    assert given["end"] == replayed[0].elapsed_ns
    for result in replayed:
        stats = result.stats
        for level, plane in result.levels.items():
            assert found[result.label, level] == stats.running_ns[plane]
        assert found[result.label, "blocked"] == sum(stats.blocked_ns)
        switched = [cause for lane, items in lanes(given) for *_, cause in items
                    if given["labels"][lane["policy"]] == result.label]  # fmt: skip
        for was, now in np.argwhere(result.stats.entries > 0).tolist():
            if was != now and result.label != "vsm_relay":  # which passes through planes at once
                assert [was, now] in [cause[1:] for cause in switched]


def test_what_is_apart_is_what_differs(read):
    given = read.data["timeline"]
    found = list(lanes(given))
    first = {lane["vcpu"]: items for lane, items in found if lane["policy"] == 0}
    some = np.random.default_rng(1).integers(given["start"], given["end"], 400).tolist()
    for lane, items in found:
        parted = [any(a <= t < b for a, b in lane["apart"]) for t in some]
        states = [
            [next(s for a, b, s, _ in each if a <= t < b) for t in some]
            for each in (items, first[lane["vcpu"]])
        ]
        assert parted == [mine != theirs for mine, theirs in zip(*states, strict=True)]
        assert lane["policy"] != 2 or any(parted)  # kvm_planes


def test_states_are_those_before_each_outcome(replayed):
    """From the state that was kept, the slow model does what was logged; logs stay as they are."""
    plain = replay(":demo", ["vsm_relay"], plane_map=LEVELS, service="200 us", log=1 << 16)
    assert plain[0].states is None
    assert (plain[0].log == replayed["vsm_relay"].log).all()
    assert (plain[0].figures == replayed["vsm_relay"].figures).all()
    for result in replayed:
        known = result.states["online"] != 0
        assert known.sum() > 0.99 * len(known)
        for row, state in list(zip(result.log[known], result.states[known], strict=True))[::37]:
            named = takes_plane(Event(row["kind"]), call_takes_plane=result.policy.hands_over)
            slow = Reference(result.policy, 3)
            slow.state = state
            out = slow.step(int(row["kind"]), int(row["plane"]) if named else None)
            for name in ("was", "now", "reason", "fault", "flags"):
                assert getattr(out, name) == row[name]


def test_each_slice_names_why_it_began(read, replayed):
    given = read.data["timeline"]
    shown = {int(found["id"].removeprefix("why-")): told for found, told in
             read.of("details", class_="why")}  # fmt: skip
    labels = [given["labels"][lane["policy"]] for lane in given["lanes"]]
    some = [np.array(lane["slices"]).reshape(-1, 4) for lane in given["lanes"]]
    for label, slices in zip(labels, some, strict=True):
        assert (slices[1:, 3] >= 0).mean() > 0.99
        for number in np.unique(slices[slices[:, 3] >= 0, 3]).tolist():
            assert f" under {label} with 3 planes" in shown[number]
    counts = [int(re.search(r"(\d+) times?, first on", told)[1]) for told in shown.values()]
    assert sum(counts) == sum(int((result.states["online"] != 0).sum()) for result in replayed)


def test_the_log_of_a_page_is_the_begin_of_the_run():
    settings = SETTINGS | {"warmup": "3 ms"}
    compared = compare(["vsm", "vsm_relay"], **settings)
    given = logged(compared, settings)
    logs, end_ns = given["logs"], given["end_ns"]
    assert end_ns == compared[0].start_ns + compared[0].elapsed_ns
    for label in ("vsm", "vsm_relay"):
        log = simulate(label, log=1 << 14, **settings).log
        whole = log[log["time_ns"] <= end_ns]
        assert (logs[label][logs[label]["time_ns"] <= end_ns] == whole).all()
    assert whole_until(whole, len(whole) + 1, 9) == 9
    last = [whole["time_ns"][whole["vcpu"] == vcpu].max() for vcpu in (0, 1)]
    assert whole_until(whole, len(whole), 1 << 60) == min(last)


def test_what_starved_in_a_live_run_is_said_first():
    busy = Workload([Poisson("level0", Exponential("50 us"), rate="40 kHz", name="network")])
    settings = SETTINGS | {"workload": busy, "duration": "3 ms", "warmup": "2 ms", "threads": 1}
    live, predicted = simulate("vsm", label="live", **settings), simulate("vsm", **settings)
    text = str(Ran(live, predicted, probe(), "as others do"))
    jobs = live.jobs
    came = int(jobs.arrived[0] + jobs.queued_before[0])
    said = f"WARNING: measured: guest OS (plane 0) starved: {jobs.queued[0]} of {came} jobs undone"
    assert " ".join(text.split()).startswith(said)
    assert jobs.queued_before[0]


def test_a_live_run_stands_beside_what_was_predicted():
    settings = SETTINGS | {"threads": 1}
    live = simulate("vsm", log=1 << 14, label=HOSTILE, **settings | {"costs": {"any": "4 us"}})
    ran = Ran(live, simulate("vsm", **settings), probe(), "as others do")
    logs = {HOSTILE: live.log}
    read = check(page(ran, "planesched live run", logs=logs))
    assert read.data["labels"] == ["predicted", "measured"]
    assert read.of("p", class_="verdict")[0][1] == f"{ran.said}."
    assert ran.text(72) in read.of("pre", id="cite")[0][1]
    assert read.data["timeline"]["labels"] == ["measured"]
    rows = [told for _, told in read.of("tr")]
    assert all("".join(row) in rows for row in ran.responses())


def test_whatever_a_name_says_stays_text(tmp_path):
    work = Workload([Poisson("level1", Exponential("20 us"), rate="4 kHz", name=HOSTILE)])
    compared = compare({HOSTILE: "vsm", "b": "vsm_relay"}, **SETTINGS | {"workload": work})
    given = logged(compared, SETTINGS | {"workload": work})
    read = check(page(compared, HOSTILE, title=HOSTILE, **given, told=[HOSTILE]))
    assert len(read.of("script")) == 2
    assert not read.of("img")
    assert read.data["labels"][0] == HOSTILE
    assert read.of("h1")[0][1] == HOSTILE
    assert read.of("title")[0][1] == HOSTILE


def test_markup_escapes_whatever_is_not_markup():
    assert el("p", "a<b", Html("<i>c</i>"), None, ["d", "&"]) == "<p>a&lt;b<i>c</i>d&amp;</p>"
    assert el("th", "x", aria_label='"', class_="y", hidden=True, z=None) == (
        '<th aria-label="&quot;" class="y" hidden="hidden">x</th>'
    )
    assert el("rect", x=1.5, y=2.0, width="3%") == '<rect x="1.5" y="2" width="3%"/>'
    assert isinstance(join(["<"]), Html)


def test_the_command_writes_it(tmp_path, capsys):
    path = tmp_path / "page.html"
    words = ["simulate", "design-question", "--duration", "2ms", "--vcpus", "1"]
    assert main([*words, "--report", str(path)]) == 0
    read = check(path.read_text())
    assert capsys.readouterr().out.endswith(f"report: {path}\n")
    assert "Three VTLs" in read.of("h1")[0][1]
    assert "timeline" in read.data
    assert main(["demo", "--report", str(path)]) == 0
    said = check(path.read_text()).of("p", class_="verdict")[0][1]
    assert "Relaying takes 1,536 switches" in said
    capsys.readouterr()
    assert main(["simulate", "design-question", "--report", str(tmp_path / "x.pdf")]) == 2
    assert "a name that ends with .html" in capsys.readouterr().err
    words = [
        "replay",
        ":demo",
        "--map",
        LEVELS[0],
        "--policy",
        "vsm",
        "--report",
        "/nowhere/x.html",
    ]
    assert main(words) == 2
    assert "there is no folder" in capsys.readouterr().err
