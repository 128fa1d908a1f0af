"""CONTRIBUTING.md names files that are there, for every change that a newcomer may want to make."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
CHANGES = [
    "policy field", "event", "algorithm with a name", "figure", "trace producer of `kvm:` text",
    "trace producer of anything else", "kind of source", "property of the checker",
    "output format", "driver", "interrupt controller",
]  # fmt: skip
ROWS = dict(re.findall(r"^\| ([^|]+?) +\| (.+) \|$", TEXT, re.MULTILINE))


def paths(text: str) -> list[str]:
    return re.findall(r"`((?:planesched|csrc|tests|docs|benches)/[\w./-]+)`", text)


def test_every_change_has_its_files():
    assert [row for row in ROWS if row != "a new ..."] == CHANGES
    assert [change for change in CHANGES if not paths(ROWS[change])] == []


def test_every_path_is_there():
    named = paths(TEXT)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []
