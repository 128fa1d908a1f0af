"""The rules' text (docs/reference/rules.md, which comes with the package), by what it speaks of."""

import re
from functools import cache
from pathlib import Path

__all__ = ["bullet", "cited", "mentions", "plain", "readings", "section", "speaking", "tables"]

PATH = Path(__file__).parents[1] / "data" / "rules.md"
_SECTION = re.compile(r"^(?:\*\*(3\.\d) |## (\d)\. )", re.MULTILINE)
_CITED = re.compile(r"\((\d(?:\.\d)*(?:, \d(?:\.\d)*)*)\)")


@cache
def _text() -> str:
    return PATH.read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Return Markdown as a line of text."""
    return " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("`", "").split())


@cache
def tables() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the tables by the title of their first column, their rows by each name in that.

    A row is all its cells; the first may hold several names.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    rows: dict[str, tuple[str, ...]] | None = None
    for line in _text().splitlines():
        if not line.startswith("|"):
            rows = None
            continue
        cells = tuple(cell.strip() for cell in line.strip("|").split(" | "))
        if rows is None:
            rows = found[cells[0]] = {}
        for name in re.findall(r"`(\w+)[^`]*`", cells[0]):
            rows[name] = cells
    return found


@cache
def _sections() -> dict[str, str]:
    """Return the numbered parts: a section or, where it has them, its numbered steps too."""
    parts = _SECTION.split(_text())
    found: dict[str, str] = {}
    for three, two, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        number = three or two
        found[number] = body.partition("\n## ")[0].replace("**", "").strip()
        if number == "3.4":
            for step, text in re.findall(r"^(\d)\. (.*?)(?=^\d\. |\Z)", body, re.M | re.S):
                found[f"3.4.{step}"] = text.strip()
    return found


def section(number: str) -> str:
    """Return a section's text, or a step's of 3.4, as it stands there."""
    return _sections()[number]


def cited(text: str) -> list[str]:
    """Return the numbers of the sections that a text cites, each once."""
    numbers = [number for group in _CITED.findall(text) for number in group.split(", ")]
    return list(dict.fromkeys(number for number in numbers if number in _sections()))


def mentions(text: str, name: str) -> bool:
    """Tell whether a text has a name as code, alone or with a value: `name`, `name = value`."""
    return re.search(rf"`{name}(?:`| = )", text) is not None


def speaking(name: str) -> list[str]:
    """Return the numbers of the decisions' sections that have a name as code."""
    numbers = [number for number in _sections() if number.startswith("3.") and number != "3.4"]
    return [number for number in sorted(numbers) if mentions(section(number), name)]


def readings(name: str) -> list[str]:
    """Return how the rules are read where they can be read in two ways, of what has this name."""
    _, _, rest = _text().partition("\n## Readings\n")
    bullets = re.findall(r"^- (.*?)(?=^- |^## |\Z)", rest, re.M | re.S)
    return [plain(bullet) for bullet in bullets if mentions(bullet, name)]


def bullet(number: str, name: str) -> str:
    """Return the first point of a section's list that has a name as code."""
    points = re.findall(r"^- (.*?)(?=^- |\Z)", section(number), re.M | re.S)
    return next((point for point in points if re.search(rf"`{name}\b", point)), "")
