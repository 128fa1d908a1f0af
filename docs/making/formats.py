"""The reference of files: policies and scenarios by their keys, JSON by what commands print."""

import contextlib
import inspect
import io
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, cast

import planesched
from planesched import cli
from planesched.scenarios import reader, scenarios
from planesched.workload import Costs, Recorded, Workload, costs
from planesched.workload.distributions import SPREADS
from planesched.workload.sources import SOURCES

__all__ = ["PAGES"]

# What no docstring says, for Python has another way to say it.
IN_FILES = {
    "title": "What it is, in a line; needed.",
    "origin": "Where the numbers are from, and which of them are assumed.",
    "policies": "One or a list: presets, with changes (`vsm:ret=resume`), TOML files beside this "
    "one; or a table of them by label. Needed.",
    "slice": "`slice_ns` of `simulate`, as a time.",
    "kind": "The kind of source.",
    "trace": "A file beside this one that `planesched replay` reads.",
    "main": "The guest OS's plane where the policy hands over; the highest-numbered by default.",
    "map": "Rules as for `planesched replay --map`, one or a list.",
    "set": "The name of a cost set that the rest changes.",
    "any": "Of any switch that is not named.",
    "between": 'A table by planes left and entered, as `0-1 = "3 us"`; such keys may stand in '
    "`[costs]` too.",
}


def parameters(of: object) -> dict[str, tuple[str, str]]:
    """Return type and words of each parameter that a numpydoc docstring names."""
    text = inspect.getdoc(of) or ""
    _, _, after = re.sub(r"^(Attributes|Parameters)\n-+\n", "KEYS\n", text, flags=re.M).partition(
        "KEYS\n"
    )
    body = re.split(r"\n\n\w+\n-+\n", after)[0]
    found = {}
    for match in re.finditer(r"^(\S.*?) : (.*)\n((?:    .*\n?)+)", body + "\n", re.MULTILINE):
        for name in match[1].split(", "):
            found[name] = match[2], " ".join(match[3].split())
    return found


def words(text: str) -> str:
    """Write a docstring's words as Markdown for a table."""
    text = re.sub(r"``(.+?)``", r"`\1`", text)
    return text.replace("|", "\\|")


def rows(names: Iterator[str] | tuple[str, ...], known: dict[str, tuple[str, str]]) -> str:
    """Write a table of keys; each has to be explained somewhere."""
    lines = ["| key | value |", "|---|---|"]
    for name in names:
        told = known[name][1] if name in known else IN_FILES[name]
        lines.append(f"| `{name}` | {words(told)} |")
    return "\n".join([*lines, ""])


def source(kind: str, made: type) -> str:
    """Tell of one kind of source."""
    known = parameters(planesched.workload.Source) | parameters(made)
    lead = words((inspect.getdoc(made) or "").split("\n\n")[0].replace("\n", " "))
    keys = tuple(item.name for item in fields(made))
    return f'### kind = "{kind}"\n\n{lead}\n\n{rows(keys, known)}'


def scenario() -> str:
    """Write the page of the scenario file."""
    top = parameters(planesched.simulate)
    kinds = "\n".join(source(kind, made) for kind, made in SOURCES.items())
    recorded = rows(reader._RECORDED, parameters(planesched.workload.Source) | parameters(Recorded))
    reasons = ", ".join(f"`{name}`" for name in costs._REASONS)
    listed = "\n".join(f"- `{name}`" for name in scenarios())
    shapes = "\n".join(
        f"- `{{ {name} = ... }}`: {words((inspect.getdoc(made) or '').splitlines()[0])}"
        f" {', '.join(f'`{item.name}`' for item in fields(cast(Any, made)))}."
        for name, made in SPREADS.items()
    )
    return f"""# Scenario files

Made from what reads them and from the docstrings of what they become. A scenario is TOML; every
time and rate carries a unit. What is wrong in one is named with its line. `planesched scenarios
NAME` prints one that ships, to begin with:

{listed}

## At the top

{rows(reader._TOP, top)}
`duration` or `jobs` is needed.

## [workload]

{rows(reader._WORK, parameters(Workload))}
## [[source]]

A service time, a jitter and a cost is a time, or a distribution:

{shapes}

{kinds}
### kind = "recorded"

{recorded}
## [costs]

{rows(("set", "any", "exit", "between"), parameters(Costs))}
By reason of the switch: {reasons}.

## [grid]

Settings of `planesched sweep`, each a list of values: `policy`, `"policy.FIELD"`, `"costs.REASON"`,
`"workload.scale"`, `"workload.SOURCE.FIELD"`, `vcpus`, `seed`.
"""


def policy() -> str:
    """Write the page of policies: their fields, and the presets."""
    known = parameters(planesched.Policy)
    lines = ["| field | values | meaning |", "|---|---|---|"]
    for name, (values, told) in known.items():
        lines.append(f"| `{name}` | {words(values)} | {words(told)} |")
    parts = []
    for preset in planesched.presets().values():
        named = ", ".join(f"`{key} = {str(value).lower()}`" for key, value in preset.fields.items())
        parts.append(
            f"### {preset.name}\n\n{preset.title}. {preset.rule}\n\nSource: {preset.source}.\n\n"
            f"{named}\n"
        )
    return f"""# Policies

Made from `planesched.Policy` and `planesched.presets`. [The rules](rules.md), section 2, have the
fields with what they decide; [systems](systems.md) have versions and what is known to differ.
Wherever a policy is asked for, a preset's name does, a TOML file of fields (with `preset = NAME`
for those that it does not name), or either with changes: `vsm:ret=resume,vina=off`.

## Fields

{chr(10).join(lines)}

## Presets

Fields that are not named have the first value above.

{chr(10).join(parts)}"""


ASKED = (
    "replay :demo --map 0x26-0x27=level1 --policy vsm --json",
    "simulate design-question --duration 20ms --json",
    "compare design-question --duration 20ms --no-steps --json",
    "sweep exit-cost --duration 20ms --grid costs.exit=1us,5us --json",
    "trace :demo --json",
    "check vsm --property priority --json",
    "check --matrix vsm --json",
    'check vsm --sends "irq 1" --json',
    "diff vsm --set ret=resume --planes 3 --json",
    'step vsm "irq 1" --explain --json',
    "explain preempt --json",
    "demo --json",
    "scenarios --json",
    "policies vsm --json",
)


def printed(command: str) -> Any:
    """Run a command here, and return the JSON that it prints."""
    out = io.StringIO()
    sys.argv[1:] = shlex.split(command)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        cli.main(sys.argv[1:])
    return json.loads(out.getvalue())


def outline(value: Any, depth: int = 0) -> Iterator[str]:
    """Show what a document holds: keys with what stands there; of what repeats, one."""
    pad = "  " * depth
    if isinstance(value, list):
        value = {"[...]": value[0]} if value else {}
    if not isinstance(value, dict):
        yield f"{pad}{json.dumps(value)[:50]}"
        return
    shapes = {"\n".join(outline(each)) for each in value.values()}
    if len(value) > 3 and len(shapes) == 1 and isinstance(next(iter(value.values())), dict):
        first = next(iter(value))
        value = {f"{first}, ...": value[first]}
    for key, each in value.items():
        if isinstance(each, dict | list) and each:
            yield f"{pad}{key}:"
            yield from outline(each, depth + 1)
        else:
            yield f"{pad}{key}: {json.dumps(each)[:50]}"


def document(command: str) -> str:
    """Tell of one command's document."""
    found = printed(command)
    shown = "\n".join(outline(found))
    return f"## {found['schema']}\n\n`planesched {command}`\n\n```text\n{shown}\n```\n"


def documents() -> str:
    """Write the page of JSON documents."""
    parts = "\n".join(document(command) for command in ASKED)
    return f"""# JSON

Made by running the commands. Every document begins with `schema`, whose number changes when a key
goes or changes its meaning, `command`, which makes it again, and `version`. Times are whole
nanoseconds (`_ns`), rates a second (`_hz`); what is not known is null. Of what repeats, one is
shown.

{parts}"""


PAGES: dict[str, Callable[[], str]] = {
    "reference/scenario.md": scenario,
    "reference/policies.md": policy,
    "reference/json.md": documents,
}
