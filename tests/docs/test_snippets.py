"""Every block of every page is run, in the order of its page, in a folder of the page's own.

What a block is says its language, or a comment above it:

- none: a quotation; in braces: Sphinx's own.
- ``console``: lines that begin with ``$`` are commands; what follows one is what it prints, where
  anything follows, and a line ``...`` stands for any number of lines. planesched is run in here.
- ``python``: run in one namespace for each page; a ``text`` block that follows at once is what is
  printed. ``<!-- file: NAME -->``: what is shown is a file. ``<!-- shows: COMMAND -->``: what that
  prints. ``<!-- part of: FILE -->``: it stands there. ``<!-- run by: FILE -->``: that test does it.
- ``<!-- columns: N -->`` somewhere in a page: how wide its terminal is, 80 otherwise.
- ``<!-- long -->``: only among the exhaustive tests.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from planesched.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Pages whose blocks have tests of their own, which say more of them.
RUN_BY = {
    "how-to/algorithms.md": "tests/engine/test_engine_algorithm.py",
    "how-to/wakeups.md": "tests/checking/test_kick.py",
    "reference/simulation.md": "tests/engine/test_simulation_docs.py",
    "why/gallery.md": "tests/checking/test_checker.py",
}
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if path.name != "README.md"
}
HERE = [name for name, text in PAGES.items() if "\n```" in text and name not in RUN_BY]
BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n)?^```([\w{}-]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MAY_FIND = {"check", "conform", "diff", "replay"}  # 1 says that something was found
WITHOUT_TIME = re.compile(r"planesched 0\.\S+")


class Block(NamedTuple):
    """A fenced block, with the line where it begins."""

    mark: str
    language: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page."""
    return [
        Block(found[1] or "", found[2], found[3], page.count("\n", 0, found.start(3)))
        for found in BLOCK.finditer(page)
    ]


def commands(text: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with what it is said to print."""
    found: list[list[str]] = []
    for line in text.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            found.append([line[2:], ""])
        else:
            found[-1][1] += f"{line}\n"
    return [(command, shown) for command, shown in found]


def run(command: str) -> str:
    """Run a command, planesched in this process, and return what it prints."""
    words = shlex.split(command, comments=True)
    if words[0] != "planesched":
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], text=True, check=False,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout
    *words, into = [*words[:-2], words[-1]] if words[-2:-1] == [">"] else [*words, ""]
    out, said = io.StringIO(), io.StringIO()
    sys.argv[:] = words
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            status = main(words[1:])
        except SystemExit as end:
            status = int(end.code or 0)
    assert status in ({0, 1} if words[1] in MAY_FIND else {0}), f"{command}\n{said.getvalue()}"
    if into:
        Path(into).write_text(out.getvalue(), encoding="utf-8")
        return ""
    return out.getvalue()


def matches(printed: str, shown: str) -> bool:
    """Tell whether a command printed what is shown; ``...`` is any number of lines."""
    parts = re.split(r"^\.\.\.\n", WITHOUT_TIME.sub("planesched 0", shown), flags=re.MULTILINE)
    pattern = "(?:.*\n)*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, WITHOUT_TIME.sub("planesched 0", printed)) is not None


def compared(what: str, printed: str, shown: str) -> None:
    """Fail unless it printed what is shown; show both."""
    assert matches(printed, shown), f"{what} prints\n{printed}\nand not\n{shown}"


def run_block(block: Block, names: dict[str, object], place: str) -> str:
    """Run a block, and return what Python printed."""
    kind, _, value = block.mark.partition(": ")
    if kind == "file":
        Path(value).write_text(block.text, encoding="utf-8")
    elif kind == "shows":
        compared(value, run(value), block.text)
    elif kind == "part of":
        there, text = (" ".join(each.split()) for each in ((ROOT / value).read_text(), block.text))
        assert text.rstrip(";") in there, f"{place}: not in {value}"
    elif kind == "run by":
        assert (ROOT / value).is_file(), place
    elif block.language == "console":
        for command, shown in commands(block.text):
            printed = run(command)
            if shown:
                compared(f"{place}: {command}", printed, shown)
    elif block.language == "python":
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile("\n" * block.line + block.text, place, "exec"), names)
        return out.getvalue()
    elif block.language and not block.language.startswith("{"):
        raise AssertionError(f"{place}: a block of {block.language!r} that nothing runs")
    return ""


def run_page(name: str, long: bool) -> None:
    """Run a page; without what is long, unless that is asked for."""
    names: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    wide = re.search(r"^<!-- columns: (\d+) -->$", PAGES[name], re.MULTILINE)
    os.environ["COLUMNS"] = wide[1] if wide else "80"
    for block in blocks(PAGES[name]):
        place = f"docs/{name}:{block.line}"
        if block.mark == "long" and not long:
            continue
        if block.language == "text" and block.mark in {"", "long"}:
            compared(place, printed, block.text)
            continue
        printed = run_block(block, names, place)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one's own, with the recorded data of a checkout, and a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    Path("tests").mkdir()
    Path("tests", "data").symlink_to(ROOT / "tests" / "data")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", [])


@pytest.mark.parametrize("name", HERE)
def test_page(name, folder):
    run_page(name, long=False)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in HERE if "<!-- long -->" in PAGES[name]])
def test_page_with_what_is_long(name, folder):
    run_page(name, long=True)


def test_the_other_pages_have_tests_of_their_own():
    for name, test in RUN_BY.items():
        assert Path(name).name in (ROOT / test).read_text(), name


def test_commands_stand_in_blocks_that_are_run():
    indented = re.compile(
        r"^    (?:\$ |planesched |python|cc |cd |echo |git |make |modprobe |perf |pip |trace-cmd )"
    )
    wrong = [
        f"docs/{name}: {line}"
        for name, text in PAGES.items()
        for line in BLOCK.sub("", text).splitlines()
        if indented.match(line)
    ]
    assert wrong == []


def test_what_is_shown_is_compared():
    assert matches("a\nb\nc\n", "a\n...\nc\n")
    assert matches("planesched 0.1.dev3\n", "planesched 0.1\n")
    assert not matches("a\nb\nc\n", "a\nc\n")
    assert commands("$ a b \\\n  c\nd\n$ e\n") == [("a b   c", "d\n"), ("e", "")]
