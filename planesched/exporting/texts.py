"""The text of an export: licence, what it is, state, tables and functions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..policy import Policy
from ..text import fill
from . import terms as t
from .shape import Shape, state_fields
from .write_c import KERNEL, C, Dialect, function_text, table_text
from .write_rust import RustWriter

__all__ = ["Asked", "source_text"]

_SECTION = re.compile(r"\b[34]\.\d(?:\.\d)?")


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Parameters
    ----------
    policy : Policy
        How the planes are scheduled.
    words : str
        What it is called; empty where it was made in Python.
    planes : int
        How many planes there are.
    style : str
        kernel, c or rust.
    name : str
        The function's name.
    whole_step : bool
        The whole transition, or the pick alone.
    """

    policy: Policy
    words: str
    planes: int
    style: str
    name: str
    whole_step: bool


def source_text(asked: Asked, shape: Shape) -> str:
    """Return the file's text."""
    lines = _rust(asked, shape) if asked.style == "rust" else _c(asked, shape)
    return "\n".join(lines) + "\n"


def _about(asked: Asked, shape: Shape) -> list[str]:
    """Say what it is: the policy's fields that are not the first value, the rules' sections."""
    plain = Policy().as_dict()
    changed = [
        f"{name} = {', '.join(value) if isinstance(value, list) else str(value).lower()}"
        for name, value in asked.policy.as_dict().items()
        if value != plain[name]
    ]
    under = f"under the policy {asked.words}" if asked.words else "under this policy"
    what = (
        f"{asked.name}(): one event on a vCPU of {asked.planes} planes, {under}. "
        f"Returns reason | fault << 8 | flags << 16."
        if asked.whole_step
        else f"{asked.name}(): which of {asked.planes} planes runs next, {under}. "
        f"Returns the plane, or 255 where none can."
    )
    notes = " ".join(part.text for f in shape.functions for part in _notes(f.body))
    sections = sorted(
        {*_SECTION.findall(notes), *(["3.4", "3.6"] if asked.whole_step else ["3.4"])}
    )
    fields = f"{', '.join(changed)}; else" if changed else "Every field has"
    fields += " the first value of the rules, 2."
    rules = f"Rules (planesched, docs/reference/rules.md): {', '.join(sections)}."
    style = f" --style {asked.style}" + (" --whole-step" if asked.whole_step else "")
    by = f"By: planesched export {asked.words} --planes {asked.planes}{style}"
    by += f" --name {asked.name}"
    found: list[str] = []
    for text in (what, fields, rules, *([by] if asked.words else [])):
        found += fill(text, 74)
    return found


def _notes(body: Sequence[t.Statement]) -> list[t.Note]:
    found = []
    for each in body:
        if isinstance(each, t.Note):
            found.append(each)
        elif isinstance(each, t.If):
            found += [*_notes(each.yes), *_notes(each.no)]
        elif isinstance(each, t.Switch):
            for _, way in each.ways:
                found += _notes(way)
    return found


def _fields(asked: Asked, shape: Shape) -> list[str]:
    return state_fields() if asked.whole_step else shape.fields()


def _c(asked: Asked, shape: Shape) -> list[str]:
    kernel = asked.style == "kernel"
    dialect = KERNEL if kernel else C
    about = _about(asked, shape)
    lines = ["// SPDX-License-Identifier: MIT"] if kernel else ["/* SPDX-License-Identifier: MIT"]
    lines += ["/*"] if kernel else [" *"]
    lines += [f" * {line}" for line in about] + [" */"]
    includes = ["linux/bitops.h", "linux/types.h"] if kernel else ["stdint.h"]
    lines += [f"#include <{each}>" for each in includes]
    lines += ["", *_struct(dialect, f"{asked.name}_state", _fields(asked, shape)), ""]
    for name, values in shape.tables.items():
        lines += table_text(dialect, name, values)
    if shape.tables:
        lines.append("")
    for function in shape.functions:
        last = function is shape.functions[-1]
        lines += function_text(
            dialect, f"{asked.name}_state", function.name, function.parameters, function.body,
            reads_only=shape.reads_only(function), static=not last,
        )  # fmt: skip
        lines += [] if last else [""]
    return lines


def _struct(dialect: Dialect, name: str, fields: Sequence[str]) -> list[str]:
    """Write the state: a mask of planes each, the current plane, the status."""
    lines = [f"struct {name} {{"]
    masks = [field for field in fields if field not in ("current", "status")]
    line = ""
    for field in masks:
        longer = f"{line}, {field}" if line else f"{dialect.indent}{dialect.mask} {field}"
        if len(longer.expandtabs(8)) > dialect.columns - 2:
            lines.append(f"{line};")
            longer = f"{dialect.indent}{dialect.mask} {field}"
        line = longer
    lines.append(f"{line}; /* bit p: plane p */")
    if "current" in fields:
        lines.append(f"{dialect.indent}{dialect.signed} {dialect.named('current')};")
    if "status" in fields:
        lines.append(f"{dialect.indent}{dialect.small} status; /* 1: in userspace, 2: blocked */")
    return [*lines, "};"]


def _without_keywords(body: tuple[t.Statement, ...]) -> tuple[t.Statement, ...]:
    for var in {part for part in t.parts(body) if isinstance(part, t.Var)}:
        if var.name.partition("_")[0] == "self":
            new = t.Var(var.name.replace("self", "own"), var.bits, var.kind)
            body = t.substituted(body, var, new)
    return body


def _rust(asked: Asked, shape: Shape) -> list[str]:
    lines = ["// SPDX-License-Identifier: MIT"]
    lines += [f"//! {line}".rstrip() for line in _about(asked, shape)]
    fields = _fields(asked, shape)
    lines += ["", "/// Bit p of each mask speaks of plane p.", "#[repr(C)]"]
    lines += ["#[allow(missing_docs)]"]
    lines += ["#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]", "pub struct State {"]
    kinds = {"current": "i8", "status": "u8"}
    lines += [f"    pub {field}: {kinds.get(field, 'u16')}," for field in fields]
    lines += ["}", ""]
    for name, values in shape.tables.items():
        kind = "u16" if t.is_mask(t.Entry(name, t.Number(0))) else "u8"
        shown = ", ".join(map(str, values))
        lines += [f"const {name.upper()}: [{kind}; {len(values)}] = [{shown}];"]
    if shape.tables:
        lines.append("")
    words = {"mask": "u16", "flag": "bool", "number": "u32"}
    types = {f.name: [words[p.kind] for p in f.parameters] for f in shape.functions}
    writer = RustWriter(types)
    for function in shape.functions:
        last = function is shape.functions[-1]
        if last:
            lines += ["/// See above.", "#[no_mangle]"]
        lines += writer.function(
            function.name, function.parameters, _without_keywords(function.body),
            reads_only=shape.reads_only(function), head='pub extern "C" ' if last else "",
        )  # fmt: skip
        lines += [] if last else [""]
    return lines
