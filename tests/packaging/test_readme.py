"""The README's blocks, run as written; what it shows is what comes out."""

import re
import subprocess
import sys
from typing import NamedTuple

import pytest

import planesched
from planesched.cli import COMMANDS


class Block(NamedTuple):
    mark: str
    language: str
    text: str


@pytest.fixture(scope="module")
def blocks(root):
    text = (root / "README.md").read_text()
    found = re.findall(r"(?:<!-- ([^\n]*) -->\n)?```(\w+)\n(.*?)```\n", text, re.DOTALL)
    return [Block(*each) for each in found]


def one(blocks, language, comment):
    """The one block of a language, and what its comments at the margin say that it prints."""
    [code] = [block.text for block in blocks if block.language == language]
    shown = re.findall(comment, code, re.MULTILINE)
    assert shown
    return code, "".join(f"{line}\n" for line in shown)


def test_every_block_is_run(blocks):
    """By the tests here; those in sh, the two commands, by .ci/run in a fresh clone."""
    marks = [(block.mark, block.language) for block in blocks]
    assert marks == [
        ("shows: planesched demo", "text"),
        ("run: demo", "sh"),
        ("run: test", "sh"),
        ("", "python"),
        ("", "c"),
    ]


def test_the_commands_are_one_line_each_and_say_what_is_shown(blocks):
    demo, test = (block.text for block in blocks if block.language == "sh")
    assert demo.count("\n") == test.count("\n") == 1
    assert demo.endswith("/planesched demo\n")
    expression = "not exhaustive and not integration"
    assert test.endswith(f"/pytest -q -n 2 --dist worksteal -m '{expression}'\n")


def test_the_demo_shown(blocks, tmp_path):
    command = blocks[0].mark.removeprefix("shows: ").split()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    version = r"planesched 0\S+"
    shown, printed = (re.sub(version, "", text) for text in (blocks[0].text, done.stdout))
    assert printed.startswith(shown)
    assert shown.endswith("planesched demo\n")  # the block that is made to be cited, whole


def test_python(blocks, tmp_path):
    code, shown = one(blocks, "python", r"^# (.*)$")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == shown


@pytest.mark.parametrize("language", ["c", "c++"])
def test_c(language, blocks, tmp_path, tool_env):
    code, shown = one(blocks, "c", r"^/\* (.*) \*/$")
    (tmp_path / "main.c").write_text(code)
    standard = "c11" if language == "c" else "c++17"
    flags = ["-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    include = f"-I{planesched.get_include()}"
    build = ["gcc", *flags, include, "main.c", "-o", "main"]
    subprocess.run(build, cwd=tmp_path, env=tool_env, check=True)
    done = subprocess.run(
        [tmp_path / "main"], env=tool_env, capture_output=True, text=True, check=True
    )
    assert done.stdout == shown


def test_the_way_to_each_command_and_each_preset_is_there(root):
    text = (root / "README.md").read_text()
    named = set(re.findall(r"`planesched (\w+)", text.partition("## Python")[0]))
    assert named - {"COMMAND"} == set(COMMANDS)
    [presets] = re.findall(r"^(A policy is .*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert set(planesched.presets()) <= set(re.findall(r"`(\w+)`", presets))


def test_rows_are_told_before_they_are_shown(root):
    """What direct, relay and so on are, before the block that has them; its columns below it."""
    before, block, after = (root / "README.md").read_text().split("```")[:3]
    rows = re.findall(r"^([a-z][\w-]+)  +[\d,]+ ", block, re.MULTILINE)
    assert rows == ["direct", "relay", "plane-0-first", "userspace"]
    assert [row for row in rows if f"*{row}*" not in before] == []
    for name in ("Rates", "`guest OS`", "`level1`", "`undone`", "`--cost`"):
        assert name in after.partition("## ")[0]


def test_it_is_two_screens(root):
    assert len((root / "README.md").read_text().splitlines()) <= 125
