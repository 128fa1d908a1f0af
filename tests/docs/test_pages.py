"""The pages hang together: links lead somewhere, every public name and command is there."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import planesched
from planesched.cli import COMMANDS
from planesched.conformance.case import _KEYS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The pages, those among them that are made from the code too."""
    to = tmp_path_factory.mktemp("pages")
    subprocess.run([sys.executable, DOCS / "making", to], check=True)
    return to


def linked(text: str) -> list[str]:
    """Links that stay here."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [target for target in LINK.findall(prose) if "://" not in target]


def test_links_between_pages_lead_somewhere(made):
    """Of a file at the top, only to what is in the tree: it is read where nothing is made."""
    wrong = []
    for path in [*PAGES, *ROOT.glob("*.md")]:
        for target in linked(path.read_text(encoding="utf-8")):
            place = (path.parent / target).resolve()
            page = made / os.path.relpath(place, DOCS)
            if not place.is_file() and not (DOCS in path.parents and page.is_file()):
                wrong.append(f"{path.relative_to(ROOT)}: {target}")
    assert wrong == []


def test_no_text_names_a_page_that_is_not_there():
    named = re.compile(r"(?<![\w./-])docs/[\w./-]*\.(?:md|py)\b")
    files = [path for path in ROOT.glob("*") if path.suffix == ".md" or path.name == "Makefile"]
    for folder in ("planesched", "csrc", "tests", "benches", "docs", ".ci"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in named.findall(path.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file()
    ]
    assert wrong == []


SUFFIXES = {".py", ".pyx", ".pxd", ".pxi", ".pyi", ".c", ".h", ".toml", ".md", ".in", ".rs"}


def test_every_public_name_has_a_page(made):
    text = "\n".join(path.read_text() for path in (made / "reference" / "python").glob("*.md"))
    shown = set(re.findall(r"^\.\. (?:auto|py:)\w+:: (?:planesched\.)(\S+)$", text, re.MULTILINE))
    names = {*planesched.__all__} - {"__version__"}
    assert names - shown == set()
    for room in planesched._ROOMS:
        for name in getattr(import_module(f"planesched.{room}"), "__all__", ()):
            assert f"{room}.{name}" in shown or name in names, (room, name)


def test_every_command_has_a_section(made):
    text = (made / "reference" / "commands.md").read_text()
    assert re.findall(r"^## planesched (\w+)$", text, re.MULTILINE) == list(COMMANDS)
    assert "### planesched live measure\n" in text
    assert "| `--policy POLICY` | a preset" in text


def test_every_header_has_a_page(made):
    headers = {path.stem for path in (ROOT / "planesched/include/planesched").glob("*.h")}
    assert {path.stem for path in (made / "reference" / "c").glob("*.md")} == headers | {"index"}
    assert "struct ps_outcome ps_step(" in (made / "reference" / "c" / "step.md").read_text()


def test_every_json_document_says_what_it_is(made):
    text = (made / "reference" / "json.md").read_text()
    assert len(set(re.findall(r'^schema: "planesched[./-](\w+)', text, re.MULTILINE))) >= 11
    assert text.count("\nschema: ") == text.count("\n## ")


def test_every_command_that_prints_json_shows_what(made):
    """But for `live`, whose answers are those of a host."""
    text, shown = ((made / "reference" / f"{name}.md").read_text() for name in ("commands", "json"))
    sections = text.split("\n## planesched ")[1:]
    named = {part.split()[0] for part in sections if "| `--json` |" in part} - {"live"}
    assert len(named) > 8
    assert {name for name in named if f"\n`planesched {name} " not in shown} == set()


def test_every_key_of_a_case_is_told():
    text = (DOCS / "reference" / "case-files.md").read_text()
    words = set(re.findall(r"\w+", text))
    assert {*_KEYS, "run", "reason", "fault", "blocked", "user", "flags", "not_flags"} <= words
