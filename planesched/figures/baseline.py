"""What has changed since an answer that was kept as JSON, figure by figure, as `perf diff` does."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..text import fill, fitted, format_ns
from .budget import percent, role
from .table import result_columns
from .written import written_by

if TYPE_CHECKING:
    from .result import Result
    from .results import Results

__all__ = ["changed_text", "load_answer", "load_document"]

_RATES = {"switches_hz": "switches/s", "exits_hz": "exits/s", "idle_entries_hz": "idle entries/s"}


def load_document(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read any JSON document of planesched: one with a schema.

    Raises
    ------
    OSError
        If it cannot be read.
    InputError
        If it is none.
    """
    name = os.fspath(path)
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(name, 0, f"no JSON ({error})", "an answer as --json prints it") from None
    schema = found.get("schema") if isinstance(found, dict) else None
    if not str(schema).startswith("planesched."):
        raise InputError(name, 0, f"the schema {schema!r}", "planesched's: what --json prints")
    return dict(found)


def load_answer(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read results that were written as JSON: by ``--json``, ``--out FILE.json`` or `write`.

    Raises
    ------
    OSError
        If it cannot be read.
    InputError
        If it is none.
    """
    found = load_document(path)
    schema = str(found["schema"])
    if schema.startswith("planesched.result/"):  # of one policy
        found = {**found, "results": [found]}
    elif not schema.startswith("planesched.results/"):
        expected = "planesched.results: what compare, replay and simulate print"
        raise InputError(os.fspath(path), 0, f"the schema {schema!r}", expected)
    if not _is_whole(found):
        expected = "one that planesched wrote: version, given, results with label, policy, rows"
        raise InputError(os.fspath(path), 0, "an answer that lacks something", expected)
    return found


def _has(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and value.keys() >= set(keys)


def _is_whole(found: Mapping[str, Any]) -> bool:
    """Tell whether an answer has what is looked at."""
    results = found.get("results")
    return (
        _has(found, "version", "given")
        and isinstance(results, list)
        and all(_has(each, "label", "policy", "rows") for each in results)
        and all(_has(row, "kind", "name") for each in results for row in each["rows"])
    )


def changed_text(results: "Results", then: Mapping[str, Any], columns: int | None) -> str:
    """Say what differs between results and an earlier answer: first what they rest on."""
    lines = [line for text in _rests(results, then) for line in fill(text, columns, hang=2)]
    old = {each["label"]: each for each in then["results"]}
    rows = [
        (label, *row)
        for label in results.labels
        if label in old
        for row in _changes(results[label], old[label])
    ]
    if not rows:
        return "\n".join([*lines, "no figure of these policies has changed"])
    table = fitted(("policy", "figure", "then", "now", "change"), rows, columns)
    return "\n".join([*lines, "", table])


def _rests(results: "Results", then: Mapping[str, Any]) -> Iterator[str]:
    yield f"beside the baseline, of planesched {then['version']} (now {written_by()['version']})"
    now, before = _input(results[0].given), _input(then["given"])
    for name in ("costs", "seed", "service_ns", "digest"):
        was, given = before.get(name), now.get(name)
        if was != given:
            yield f"{name} was {was or 'none'}, is {given or 'none'}"
    if before.get("map") != now.get("map"):
        yield "the plane map is another"
    old = {each["label"]: each for each in then["results"]}
    for label in results.labels:
        if label not in old:
            yield f"{label} was not there"
            continue
        was, given = old[label]["policy"], results[label].policy.as_dict()
        fields = [name for name in given if was.get(name) != given[name]]
        if fields:
            yield f"{label} differs in {', '.join(fields)}"
    for label in old:
        if label not in results.labels:
            yield f"{label} is not there any more"


def _input(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what results rest on; the digest of a trace as that of a workload."""
    return {**given, **given.get("trace", {})}


def _changes(result: "Result", then: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    columns = result_columns([result])
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    was = {(row["kind"], row["name"]): row for row in then["rows"]}
    for row in rows:
        before = was.get((row["kind"], row["name"]))
        if before is None:
            continue
        if row["kind"] == "policy":
            for name, title in _RATES.items():
                yield from _change(title, before.get(name), row[name], "{:,.0f}".format)
        if row["level"] == "level0" and row["kind"] == "plane":
            share = "running_share"
            yield from _change("guest OS", before.get(share), row[share], percent)
        if row["kind"] == "source" or (not result.sources and row["kind"] == "plane"):
            name = "response_p99_ns"
            title = f"p99 response, {role(row['level'] or row['name'])}"
            if row["kind"] == "source":
                title = f"p99 response, {row['name']}"
            yield from _change(title, before.get(name), row[name], format_ns)


def _change(title: str, was: Any, now: Any, write: Any) -> Iterator[tuple[str, str, str, str]]:
    if was == now:
        return
    shown = ["-" if value is None else write(value) for value in (was, now)]
    more = percent(now / was - 1, 1, "+") if was and now is not None else ""
    yield title, shown[0], shown[1], more
