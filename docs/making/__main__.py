"""Gathers the pages of docs/ and writes those that come from the code: python docs/making FOLDER.

Nothing of what is written here is kept in the tree: `make docs` makes it anew under build/docs.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import commands
import formats
import headers
import names

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
SHOWN = {".py": "python", ".pyx": "cython", ".c": "c", ".h": "c", ".cpp": "cpp", ".rs": "rust",
         ".sh": "sh", ".toml": "toml", ".txt": "text", "": "make"}  # fmt: skip
MADE = {**commands.PAGES, **names.PAGES, **headers.PAGES, **formats.PAGES}
"""By its path below docs/, what writes a page."""


def gather(to: Path) -> None:
    """Copy what people wrote, with the files of each example below its page; write the rest."""
    shutil.rmtree(to, ignore_errors=True)
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path.name == "README.md":
            text = "\n".join([text, *(listing(each, path.parent) for each in files(path.parent))])
        if path == DOCS / "index.md":
            text += "".join(contents(text))
        write(to / path.relative_to(DOCS), text)
    for path in (*DOCS.rglob("*.ipynb"), *DOCS.rglob("*.svg")):
        write(to / path.relative_to(DOCS), path.read_text(encoding="utf-8"))
    for name, make in MADE.items():
        write(to / name, make())


def contents(index: str) -> Iterator[str]:
    """Write Sphinx's tables of contents, from the lists of links in the first page."""
    for part in re.split(r"^## ", index, flags=re.MULTILINE):
        pages = re.findall(r"\]\((\S+)\.md\)", part)
        caption = f":caption: {part.splitlines()[0]}\n" * (not part.startswith("#"))
        yield "\n".join(["\n```{toctree}", f":hidden:\n:titlesonly:\n{caption}", *pages, "```\n"])
    examples = sorted(path.parent.name for path in DOCS.glob("examples/*/README.md"))
    named = (f"examples/{name}/README" for name in examples)
    yield "\n".join(
        ["\n```{toctree}", ":hidden:\n:titlesonly:\n:caption: Examples\n", *named, "```\n"]
    )


def write(path: Path, text: str) -> None:
    """Write a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def files(folder: Path) -> Iterator[Path]:
    """Give the files of an example, as they are worth reading."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in SHOWN and path.name != "README.md":
            yield path


def listing(path: Path, folder: Path) -> str:
    """Show a file."""
    language, text = SHOWN[path.suffix], path.read_text(encoding="utf-8")
    return f"## {path.relative_to(folder)}\n\n```{language}\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
