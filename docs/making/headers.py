"""The reference of the C headers: what each says of itself, and what it declares."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import planesched

__all__ = ["PAGES"]

FOLDER = Path(planesched.get_include()) / "planesched"
# In the order of the layers: what one includes comes before it.
ORDER = ("platform", "compiler", "bitmap", "policy", "state", "pick", "algorithm", "step", "names",
         "irqchip", "scheduler", "lookup", "figures", "jobs", "histogram", "records", "workload",
         "engine")  # fmt: skip
DECLARES = re.compile(
    r"(?:PS_\w+ |static inline |extern |const |struct |enum |int|uint|void|typedef)"
)


def prose(comment: str) -> str:
    """Return a comment's words."""
    text = " ".join(re.sub(r"^\s*\* ?", "", line).strip() for line in comment.splitlines())
    return re.sub(r"([<>*_`\[\]])", r"\\\1", text.strip())


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Give comment and code of each paragraph of a header; a function without its body."""
    text = re.sub(r"\n\{\n.*?\n\}\n", ";\n", text, flags=re.DOTALL)
    # A blank line within braces does not end a paragraph.
    text = re.sub(r"\{[^{}]*\}", lambda m: m[0].replace("\n\n", "\n"), text)
    for paragraph in re.split(r"\n{2,}", text):
        comment, code = "", paragraph
        if paragraph.startswith("/*") and "*/\n" in paragraph:
            comment, _, code = paragraph.partition("*/\n")
        lines = [line for line in code.splitlines() if line.strip()]
        if lines and DECLARES.match(lines[0]) and 'extern "C"' not in code:
            yield prose(comment.removeprefix("/*")), "\n".join(lines)


def header(name: str) -> str:
    """Tell of one header."""
    text = (FOLDER / f"{name}.h").read_text(encoding="utf-8")
    head, _, rest = text.partition("*/\n")
    lead = "\n\n".join(prose(part) for part in re.split(r"\n \*\n", head.removeprefix("/*")))
    body = "\n".join(f"```c\n{code}\n```\n\n{told}\n" for told, code in blocks(rest))
    return f"# {name}.h\n\n{lead}\n\n{body}"


def index() -> str:
    """Write the page that leads to each header that is installed."""
    there = {path.stem for path in FOLDER.glob("*.h")}
    if there != set(ORDER):
        raise ValueError(f"headers that are not in ORDER, or not there: {there ^ set(ORDER)}")
    listed = "\n".join(f"- [{name}.h]({name}.md): {first(name)}" for name in ORDER)
    pages = "\n".join(ORDER)
    return f"""# C headers

Made from the headers: what each says of itself, and what it declares, function bodies left out.
[Embedding](../../how-to/embed.md) says how to use them, and which are promised to stay.

{listed}

```{{toctree}}
:hidden:
:titlesonly:

{pages}
```
"""


def first(name: str) -> str:
    """Return a header's first sentence."""
    text = prose((FOLDER / f"{name}.h").read_text(encoding="utf-8").partition("*/")[0][2:])
    return re.split(r"(?<=[.:]) ", text)[0].rstrip(":.") + "."


PAGES: dict[str, Callable[[], str]] = {
    "reference/c/index.md": index,
    **{f"reference/c/{name}.md": partial(header, name) for name in ORDER},
}
