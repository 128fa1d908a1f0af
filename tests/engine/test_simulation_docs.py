"""The page on simulation: its blocks, run as written, and what it says that comes out."""

import re
from concurrent.futures import Executor

import pytest

from planesched import InputError, Result, Results
from planesched.figures.interval import Interval
from planesched.scenarios import load_scenario, scenarios


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "reference" / "simulation.md").read_text()


def test_every_block_runs(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```\n", page, re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, "docs/reference/simulation.md", "exec"), names)
    assert isinstance(names["result"], Result)
    assert isinstance(names["both"], Results)
    table, *intervals = capsys.readouterr().out.rsplit("Interval", 2)
    assert "secure timer" in table
    assert all(text.startswith("(value=") for text in intervals)
    apart = names["both"].difference("latency_mean", "secure timer")
    assert isinstance(apart, Interval)
    # To relay costs a switch, of 2 us, more.
    assert 1500 < apart.low < apart.value < apart.high < 2500
    assert len(names["rows"]) == 12 * (3 + 3 + 1)
    assert issubclass(names["RayExecutor"], Executor)


def test_a_mistake_is_named_as_the_page_says(page, tmp_path):
    (line, said) = re.search(r"`mine\.toml:(\d+): (found [^`]*)`", page).groups()
    path = tmp_path / "mine.toml"
    text = scenarios()["design-question"].read_text()
    path.write_text(text.replace('rate = "2 kHz"', 'rate = "2 kHx"'))
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}:{line}: {said}")
