"""Open pages in a headless Chromium and use them: click, type, hover, copy; with script and not.

    python tests/browser/look.py [FOLDER]

With a folder it also saves pictures there: light and dark, 1280 and 400 pixels wide. It needs
Debian's package chromium (`make report-browser`).
"""

import re
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).parent))

from chromium import Chromium

from planesched import sweep
from planesched.cli import main
from planesched.commands.demo import EXAMPLE, answers
from planesched.figures.scores import scores
from planesched.report.page import write_page
from planesched.scenarios import load_scenario
from planesched.text import format_ns

BUTTON = "[...document.querySelectorAll('button')].find(each => each.textContent === {!r})"
DATA = "JSON.parse(document.getElementById('data').textContent).timeline"
READOUT = "document.querySelector('#timelines .readout').textContent"
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


def opened(browser, path, *, script=True):
    """Open a page, and hold it to what every page must do."""
    browser.events.clear()
    browser.open(path, script=script)
    quiet(browser)


def quiet(browser):
    """Nothing was complained of, and nothing was asked of a network."""
    browser.run("1")  # whatever is on its way has come then
    for told in browser.events:
        method, params = told.get("method", ""), told.get("params", {})
        assert method != "Runtime.exceptionThrown", params
        assert method not in ("Log.entryAdded", "Runtime.consoleAPICalled"), params
        if method == "Network.requestWillBeSent":
            assert params["request"]["url"].partition(":")[0] in ("file", "data", "blob"), params


def reads_everywhere(browser, path, folder):
    """No page is wider than its window, and its words stand out in light and in dark."""
    for width in (400, 1280):
        browser.show(width=width)
        opened(browser, path, script=False)
        fits(browser, path, width)
        for dark in (False, True):
            browser.show(width=width, dark=dark)
            opened(browser, path)
            height = fits(browser, path, width)
            low = browser.run(CONTRAST)
            assert not low, (path.name, width, dark, low)
            if folder:
                browser.show(width=width, height=height, dark=dark)
                name = f"{path.stem}-{width}-{'dark' if dark else 'light'}.png"
                browser.picture(folder / name)


def fits(browser, path, width):
    """Return a page's height; it has something to read, and nothing lies beside the window."""
    size = browser.call("Page.getLayoutMetrics")["cssContentSize"]
    assert size["width"] <= width, (path.name, width, size)
    assert size["height"] > 900
    return int(size["height"])


def is_labelled(browser):
    """Whatever can be used or stands for a picture or a table has a name that is read out."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "slider", "image", "img", "table", "region", "link", "navigation", "heading"}
    found = 0
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in named and not node.get("ignored"):
            found += 1
            assert node.get("name", {}).get("value", "").strip(), node
    assert found > 20


def a_click_makes_a_baseline(browser, results):
    turned = type(results)([results[1], results[0], *results[2:]])
    expected = scores(turned)
    browser.run(BUTTON.format(results[1].label) + ".click()")
    rows = browser.run(
        "[...document.querySelectorAll('#scores tr[data-row]')].map(row => [row.cells[0].innerText,"
        " ...[...row.cells].slice(1).map(cell => cell.querySelector('.apart')?.textContent ?? '')])"
    )
    said = {row[0]: row[1:] for row in rows}
    for one in expected:
        if one.group != "jobs":
            apart = [cell.apart.strip("[]") for cell in one.cells]
            assert said[one.title] == [apart[1], apart[0], *apart[2:]]
    pressed = "document.querySelectorAll('#scores button[aria-pressed=true]')"
    assert browser.run(f"[...{pressed}].map(each => each.textContent)") == [results[1].label]


def a_slider_prices_exits(browser, results):
    set_to = (
        "(() => { const input = document.querySelector('input[data-price=exit]');"
        " input.value = 40; input.dispatchEvent(new Event('input'));"
        " return document.querySelector('#prices output:last-of-type, #prices').innerText; })()"
    )
    text = browser.run(set_to)
    assert "10 us" in text
    user = results[3]
    whole = int(user.time_ns.sum())
    share = 100 * user.stats.exits * 10_000 / whole
    assert f"{user.label}: switching {share:.2f} %" in text
    widths = browser.run(
        "[...document.querySelectorAll('#time-bars rect')].map(rect => parseFloat("
        "rect.getAttribute('width')))"
    )
    each = len(widths) // len(results)
    for row in range(len(results)):
        assert abs(sum(widths[row * each : (row + 1) * each]) - 100) < 0.01


def a_pointer_reads_off(browser, results):
    chart = "document.getElementById('response-1')"
    browser.run(f"scrollTo(0, {chart}.getBoundingClientRect().top - 100)")
    box = browser.run(f"{chart}.getBoundingClientRect().toJSON()")
    left, top, width, height = (box[name] for name in ("left", "top", "width", "height"))
    browser.call(
        "Input.dispatchMouseEvent", type="mouseMoved", x=left + width / 2, y=top + height / 3
    )
    said = browser.run("document.getElementById('response-1').nextSibling.innerText")
    percent = float(re.search(r"([\d.]+) % waited", said)[1])
    first = re.search(rf"{results[2].label} ([\d.]+ \w+)", said)[1]
    found = results[2].response["level1"]
    near = {format_ns(found.quantile_ns(q)) for q in (percent / 100 + d for d in (-0.01, 0, 0.01))}
    assert first in near, (said, near)


def next_divergence_goes_there(browser, results):
    data = browser.run(DATA)
    browser.run(BUTTON.format("Next divergence") + ".click()")
    began, ended = data["window"]
    parted = sorted(at for lane in data["lanes"] for at, _ in lane["apart"])
    expected = next(at for at in parted if at > (began + ended) / 2 + 1)
    said = browser.run(READOUT)
    assert re.search(r"vCPU \d", said)
    assert browser.run("document.querySelectorAll('#timelines .chosen').length") == 1
    whys = browser.run("[...document.querySelectorAll('.whys > div')].map(each => each.innerText)")
    assert len(whys) == 2
    assert all("under" in each for each in whys)
    lane = next(lane for lane in data["lanes"] for at, _ in lane["apart"] if at == expected)
    assert data["labels"][lane["policy"]] in whys[1]
    assert results[0].label in whys[0]


def a_switch_filters(browser, results):
    cell = "document.querySelectorAll('.matrix')[1].querySelector('td[data-switch=\"2 1\"] button')"
    browser.run(f"{cell}.click()")
    assert browser.run(f"{cell}.getAttribute('aria-pressed')") == "true"
    faded = "document.querySelectorAll('#timelines .faded').length"
    assert browser.run(faded) > 0
    assert f"{results[1].label}, vCPU" in browser.run(READOUT)
    assert "from plane 2" in browser.run(READOUT)
    browser.run(BUTTON.format("All switches") + ".click()")
    assert browser.run(faded) == 0


def keys_move_a_timeline(browser):
    browser.run("document.querySelector('svg.timeline').focus()")
    assert browser.run("document.activeElement.matches('svg.timeline')")
    seen = [browser.run(READOUT)]
    for key in ("ArrowRight", "+", "-", "ArrowLeft", "n", "s", "Home"):
        browser.key(key)
        seen.append(browser.run(READOUT))
    assert all(one != other for one, other in pairwise(seen)), seen
    start = browser.run(f"{DATA}.start")
    assert seen[-1].startswith(f"{start} ns to ")
    browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    # Tab comes to whatever can be used; the order is that of the page.
    wanted = {"A", "BUTTON", "INPUT", "svg", "DIV", "SUMMARY", "PRE"}
    for _ in range(200):
        browser.key("Tab")
        wanted.discard(browser.run("document.activeElement.tagName"))
        if not wanted:
            return
    raise AssertionError(f"Tab does not come to {wanted}")


def tables_and_figures_are_copied(browser, results):
    browser.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => {"
        " window.copied = text; }}})"
    )
    copies = {}
    for kind in ("text", "Markdown", "CSV"):
        named = f"#scoreboard .tools button[aria-label^='Copy as {kind}']"
        browser.run(f'document.querySelector("{named}").click()')
        copies[kind] = browser.run("window.copied")
    assert max(map(len, copies["text"].splitlines())) <= 72
    for told in copies.values():
        assert "switches/s a vCPU" in told
        assert all(label in told for label in results.labels)
    assert copies["Markdown"].splitlines()[1].startswith("| --- |")
    widths = {line.count(",") for line in copies["CSV"].splitlines() if '"' not in line}
    assert widths == {len(results)}
    browser.run(BUTTON.format("Copy for a mail") + ".click()")
    assert browser.run("window.copied") == results.cited(EXAMPLE)
    for name in ("time-bars", "response-0", "timeline-0"):
        svg = browser.run(f"svgText(document.getElementById('{name}'))")
        root = ET.fromstring(svg)
        assert int(root.get("width")) > 300
        assert "--p0" in svg


def a_link_opens_a_ladder(browser, path):
    opened(browser, path)
    browser.run("document.querySelector('.verdicts a').click()")
    time.sleep(0.1)
    shown = (
        "document.querySelector(location.hash).querySelector('svg.ladder').getClientRects().length"
    )
    assert browser.run(shown) == 1


def pages(folder):
    """Write a page of each kind, and return them with the results of the demo."""
    with redirect_stdout(StringIO()):
        return _pages(folder)


def _pages(folder):
    results = answers(1 << 16)
    found = {name: folder / f"{name}.html" for name in ("demo", "check", "sweep", "compare")}
    write_page(found["demo"], results, EXAMPLE, title="The demo")
    matrix = ["check", "--matrix", "kvm_planes", "vsm", "vsm_locked", "snp"]
    assert main([*matrix, "--report", str(found["check"])]) == 1
    swept = sweep(load_scenario("exit-cost"), duration="50 ms")
    write_page(found["sweep"], swept, "planesched sweep exit-cost")
    words = ["compare", "design-question", "--duration", "100ms", "--report"]
    assert main([*words, str(found["compare"])]) == 0
    return found, results


def look(folder):
    """Do it all."""
    with tempfile.TemporaryDirectory() as here:
        found, results = pages(Path(here))
        with Chromium() as browser:
            for path in found.values():
                reads_everywhere(browser, path, folder)
                is_labelled(browser)
            browser.show(width=1280)
            opened(browser, found["demo"])
            a_click_makes_a_baseline(browser, results)
            a_slider_prices_exits(browser, results)
            a_pointer_reads_off(browser, results)
            next_divergence_goes_there(browser, results)
            a_switch_filters(browser, results)
            keys_move_a_timeline(browser)
            tables_and_figures_are_copied(browser, results)
            quiet(browser)
            a_link_opens_a_ladder(browser, found["check"])
            quiet(browser)
    print(f"{len(found)} pages looked at in a browser")


if __name__ == "__main__":
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
    look(into)
