"""The page: well formed, whole without a network; names stay text; figures are the results."""

import base64
import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from planesched import compare, replay, simulate
from planesched.cli import main
from planesched.figures.budget import budget
from planesched.figures.scores import scores
from planesched.layouts import OUTCOME
from planesched.report.page import page, write_page
from planesched.report.page.markup import Html, el, join
from planesched.report.page.runs import logged, whole_until
from planesched.workload import Exponential, Poisson, Workload

EMPTY = {"meta", "line", "circle", "rect", "path", "polyline"}
WORK = Workload(
    [
        Poisson("level1", Exponential("20 us"), rate="4 kHz", name="secure timer"),
        Poisson("level0", Exponential("8 us"), rate="20 kHz", name="network"),
    ]
)
SETTINGS = {"planes": 3, "vcpus": 2, "workload": WORK, "duration": "20 ms", "seed": 2}
SETTINGS |= {"costs": {"any": "2 us", "exit": "5 us"}}
LEVELS = ["0x26-0x27=level1", "call_function_single=level2"]


class Page(HTMLParser):
    """Reads a page, and says where it is not well formed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.wrong = [], [], []
        self.texts = {}
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.wrong += [(tag, name) for name, _ in attrs if sum(n == name for n, _ in attrs) > 1]
        self.open.append((tag, len(self.tags) - 1))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.wrong += [tag] * (tag not in EMPTY)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append(f"</{tag}>")
        else:
            self.open.pop()

    def handle_data(self, data):
        for _, number in self.open:
            self.texts[number] = self.texts.get(number, "") + data

    def of(self, tag, **attrs):
        """The attributes and text of each such element."""
        return [
            (given, self.texts.get(number, ""))
            for number, (name, given) in enumerate(self.tags)
            if name == tag and all(given.get(k.rstrip("_")) == v for k, v in attrs.items())
        ]

    @property
    def data(self):
        [(_, text)] = self.of("script", id="data")
        return json.loads(text)


def check(text):
    """What holds for every page."""
    read = Page(text)
    assert not read.wrong
    ids = [given["id"] for _, given in read.tags if "id" in given]
    assert len(set(ids)) == len(ids)
    for tag, given in read.tags:
        for name in ("aria-labelledby", "href"):
            if name in given:
                assert given[name].removeprefix("#") in ids, (tag, given)
        assert "src" not in given
        assert not [name for name in given if name.startswith("on") or name == "style"]
        if tag == "svg":
            assert given.get("role") == "img" or given.get("aria-hidden") == "true"
            assert given.get("aria-hidden") or given["aria-labelledby"]
        if tag == "th":
            assert given["scope"] in ("col", "row", "rowgroup")
        if given.get("tabindex"):
            assert given.get("aria-label") or given.get("aria-labelledby")
    assert len(read.of("table")) == len(read.of("caption"))
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        root = ET.fromstring(svg)
        assert root.get("aria-hidden") or root[0].tag.endswith("title")
        assert root.get("aria-hidden") or len(root[0].text) > 20
    # Nothing is loaded, and nothing but the page's own script may run.
    [(given, _)] = read.of("meta", **{"http-equiv": "Content-Security-Policy"})
    for tag in ("style", "script"):
        [told] = [text for given, text in read.of(tag) if "type" not in given]
        digest = base64.b64encode(sha256(told.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in given["content"]
    assert "default-src 'none'" in given["content"]
    [(_, style)] = read.of("style")
    assert not re.search(r"url\(|@import", style)
    assert len(text.encode()) < 3_000_000
    return read


@pytest.fixture(scope="module")
def replayed():
    policies = ["vsm:marker=2", "vsm_relay", "kvm_planes", "vsm:marker=2,scheduler=user"]
    return replay(":demo", policies, plane_map=LEVELS, service="200 us", log=1 << 16)


@pytest.fixture(scope="module")
def read(replayed):
    return check(page(replayed, "planesched replay", title="The demo"))


def test_a_simulation_and_a_comparison_are_pages(tmp_path):
    result = simulate("vsm", **SETTINGS)
    one = check(page(result, "planesched simulate"))
    assert "timeline" not in one.data  # nothing was logged
    compared = compare(["vsm", "vsm_relay:ret=resume", "vsm:scheduler=user"], **SETTINGS)
    compared = compared.stepped(lambda between: compare(between, **SETTINGS))
    logs, end_ns = logged(compared, SETTINGS)
    text = page(compared, "planesched compare", logs=logs, end_ns=end_ns)
    check(text)
    assert text == page(compared, "planesched compare", logs=logs, end_ns=end_ns)
    write_page(tmp_path / "out.html", compared, "planesched compare", logs=logs, end_ns=end_ns)
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
    rows = read.data["baselines"][base][1:]  # the guest OS's share comes first
    for row, one in zip(rows, scores(turned), strict=True):
        apart = dict(zip(turned.labels, (cell.apart for cell in one.cells), strict=True))
        assert row == [apart[label] for label in labels]


def lanes(given):
    for lane in given["lanes"]:
        at, items = lane["begin"], []
        for length, state, cause in np.array(lane["slices"]).reshape(-1, 3).tolist():
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


def test_the_log_of_a_page_is_the_begin_of_the_run():
    settings = SETTINGS | {"warmup": "3 ms"}
    compared = compare(["vsm", "vsm_relay"], **settings)
    logs, end_ns = logged(compared, settings)
    assert end_ns == compared[0].start_ns + compared[0].elapsed_ns
    for label in ("vsm", "vsm_relay"):
        log = np.zeros(1 << 14, OUTCOME)
        simulate(label, log=log, **settings)
        whole = log[(log["record"] == -1) & (log["time_ns"] <= end_ns)]
        assert (logs[label][logs[label]["time_ns"] <= end_ns] == whole).all()
    assert whole_until(whole, len(whole) + 1, 9) == 9
    last = [whole["time_ns"][whole["vcpu"] == vcpu].max() for vcpu in (0, 1)]
    assert whole_until(whole, len(whole), 1 << 60) == min(last)


HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)> & "quoted" 'too'"""


def test_whatever_a_name_says_stays_text(tmp_path):
    work = Workload([Poisson("level1", Exponential("20 us"), rate="4 kHz", name=HOSTILE)])
    compared = compare({HOSTILE: "vsm", "b": "vsm_relay"}, **SETTINGS | {"workload": work})
    logs, end_ns = logged(compared, SETTINGS | {"workload": work})
    read = check(page(compared, HOSTILE, title=HOSTILE, logs=logs, end_ns=end_ns, told=[HOSTILE]))
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
    words = ["compare", "design-question", "--duration", "20ms", "--report", str(path)]
    assert main(words) == 0
    read = check(path.read_text())
    assert capsys.readouterr().out.endswith(f"report: {path}\n")
    assert "Three VTLs" in read.of("h1")[0][1]
    assert "timeline" in read.data
    assert main(["demo", "--report", str(path)]) == 0
    assert "Relaying takes 1536 switches" in check(path.read_text()).of("p", class_="verdict")[0][1]
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
