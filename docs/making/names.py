"""The reference of Python: every public name, from its docstring."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from types import ModuleType

import numpy as np

import planesched
from planesched.figures.distribution import Distribution
from planesched.figures.jobs import JobStats
from planesched.figures.planes import Stats
from planesched.simulation.swept import Sweep

__all__ = ["PAGES"]

ROOMS = (*sorted(planesched._ROOMS), "scenarios", "exporting", "capi")
"""Modules with public names of their own; further ones have pages as parts of these."""
PARTS = {
    "conformance": ("conformance.kick",),
    "checking": ("checking.kick",),
    "report": ("report.plots", "report.timeline"),
    "capi": ("contrib.simpy",),
    "traces": ("replaying",),
}
ANSWERS = (Distribution, JobStats, Stats, Sweep)
"""What results are made of; not names of `planesched`, for nobody makes one."""


def sections() -> dict[str, list[str]]:
    """Return the names of `planesched` by the sections of its docstring."""
    head, _, _ = (planesched.__doc__ or "").partition("\nRooms with more")
    found = re.findall(r"^(\w+)\n((?:    .*\n)+)", head + "\n", re.MULTILINE)
    named = {title: re.findall(r"\w+", text) for title, text in found}
    return {
        title: [name for name in planesched.__all__ if name in words]
        for title, words in named.items()
    }


def rst(*lines: str) -> str:
    """Give lines to Sphinx in its own language, in which docstrings are."""
    return "\n".join(["```{eval-rst}", *lines, "```", ""])


def shown(path: str, value: object) -> str:
    """Show one name: a class with its members, a dtype by its fields, a value as it is."""
    if isinstance(value, np.dtype):
        return dtype(path, value)
    if isinstance(value, type):
        return rst(f".. autoclass:: {path}", "   :members:", "   :undoc-members:" * undoc(value))
    if callable(value):
        return rst(f".. autofunction:: {path}")
    text = repr(value)
    told = text if len(text) < 60 else f"{type(value).__name__} of {len(value)}"  # type: ignore[arg-type]
    return rst(f".. py:data:: {path}", f"   :value: {told}") + keys(value)


def undoc(value: type) -> bool:
    """Tell whether members say all by their names."""
    return hasattr(value, "__members__")


def keys(value: object) -> str:
    """Show what a table holds, by name."""
    if not isinstance(value, dict):
        return ""
    return "\n" + "\n".join(f"- `{key}`" for key in value) + "\n"


def dtype(path: str, value: np.dtype) -> str:
    """Show a record's fields."""
    rows = [rst(f".. py:data:: {path}"), f"{value.itemsize} bytes a record.\n"]
    rows += ["| field | type | at byte |", "|---|---|---|"]
    for name, (kind, at, *_) in (value.fields or {}).items():
        rows.append(f"| `{name}` | `{kind.str}` | {at} |")
    return "\n".join([*rows, ""])


def section(title: str, of: list[str]) -> str:
    """Write the page of one section of `planesched`."""
    parts = [f"# {title}\n"]
    parts += [shown(f"planesched.{name}", getattr(planesched, name)) for name in of]
    if title == "Answers":
        parts += ["## What they are made of\n"]
        parts += [shown(f"{each.__module__}.{each.__name__}", each) for each in ANSWERS]
    return "\n".join(parts)


def room(name: str) -> str:
    """Write the page of a room and of the modules that go with it."""
    modules = [import_module(f"planesched.{each}") for each in (name, *PARTS.get(name, ()))]
    return "\n".join(part for module in modules for part in module_parts(module))


def module_parts(module: ModuleType) -> Iterator[str]:
    """Tell of a module and its names; of one that `planesched` has too, where it is."""
    yield f"# {module.__name__}\n\n{module.__doc__ or ''}\n"
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if getattr(planesched, name, None) is value:
            yield f"- `planesched.{name}`\n"
        else:
            yield shown(f"{module.__name__}.{name}", value)


def index() -> str:
    """Write the page that leads to all."""
    listed = "\n".join(
        f"- [{title}]({title.lower()}.md): {', '.join(f'`{name}`' for name in of)}"
        for title, of in sections().items()
    )
    rooms = "\n".join(
        f"- [planesched.{name}](room-{name}.md): "
        f"{(import_module(f'planesched.{name}').__doc__ or '').strip().splitlines()[0]}"
        for name in ROOMS
    )
    pages = [title.lower() for title in sections()] + [f"room-{name}" for name in ROOMS]
    listing = "\n".join(pages)
    return f"""# Python

Made from the docstrings; each has an example that a test runs. `planesched` has:

{listed}

Rooms with more:

{rooms}

```{{toctree}}
:hidden:
:titlesonly:

{listing}
```
"""


PAGES: dict[str, Callable[[], str]] = {
    "reference/python/index.md": index,
    **{
        f"reference/python/{title.lower()}.md": partial(section, title, of)
        for title, of in sections().items()
    },
    **{f"reference/python/room-{name}.md": partial(room, name) for name in ROOMS},
}
