"""Answers as files, JSON and HTML."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Mistake
from ..files import replacing
from .budget import budget
from .table import result_columns
from .vectors import vector_rows

if TYPE_CHECKING:
    from .result import Result

__all__ = ["ENDINGS", "csv_text", "html", "markdown", "result_dict", "write", "written_by"]

ENDINGS = (".csv", ".json", ".parquet", ".arrow")
"""What the name of a file may end with, and so what it is."""


def write(
    path: str | os.PathLike[str],
    columns: Mapping[str, Sequence[Any]],
    document: Callable[[], Any],
    answer: Any = None,
) -> None:
    """Write a table, a document as JSON, or of `answer` a page as HTML, whole or not at all."""
    ending = Path(path).suffix
    if ending == ".html" and answer is not None:
        # Pages show results, and so stand above them; a result asks for its page by name.
        import_module("planesched.report.page").write_page(path, answer)
        return
    if ending not in ENDINGS:
        known = ENDINGS if answer is None else (*ENDINGS, ".html")
        raise Mistake("path", os.fspath(path), f"a name that ends with {', '.join(known)}")
    if ending == ".json":
        with replacing(path) as file:
            file.write(json.dumps(document(), indent=2) + "\n")
    elif ending == ".csv":
        with replacing(path) as file:
            file.write(csv_text(columns))
    else:
        _write_arrow(path, columns, ending)


def _write_arrow(path: Any, columns: Mapping[str, Sequence[Any]], ending: str) -> None:
    from .arrow import arrow_table

    table = arrow_table(columns)
    with replacing(path, "wb") as file:
        if ending == ".parquet":
            import pyarrow.parquet as pq

            pq.write_table(table, file)
        else:
            import pyarrow as pa

            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)


def csv_text(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return a table as CSV; empty where nothing is known."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def markdown(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return a table as Markdown."""
    rows = [columns.keys(), ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    lines = (" | ".join(map(_in_a_bar, row)) for row in rows)
    return "\n".join(f"| {line} |" for line in lines)


def _in_a_bar(cell: Any) -> str:
    """Return a cell on one line; a bar of its own does not end it."""
    return "" if cell is None else " ".join(str(cell).split()).replace("|", "\\|")


def html(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return a table as a notebook shows it; columns in which nothing is known are left out."""
    from ..markup import html_table

    known = {name: cells for name, cells in columns.items() if any(c is not None for c in cells)}
    rows = zip(*known.values(), strict=True)
    return html_table(list(known), [[_brief(cell) for cell in row] for row in rows])


def _brief(cell: Any) -> str:
    if cell is None:
        return "-"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def written_by() -> dict[str, str]:
    """Return what every JSON document begins with: the version that made it."""
    # The package stands above this room; what importlib.metadata needs takes longer than numpy.
    return {"version": str(import_module("planesched").__version__)}


def result_dict(result: "Result") -> dict[str, Any]:
    """Return a result as plain numbers, lists and dicts."""
    columns = result_columns([result])
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    trace = {} if result.trace is None else {"trace": vars(result.trace)}
    return {
        "label": result.label,
        "policy": result.policy.as_dict(),
        "levels": result.levels,
        "planes": result.planes,
        "vcpus": result.vcpus,
        "seed": result.seed,
        "start_ns": result.start_ns,
        "elapsed_ns": result.elapsed_ns,
        "partial": result.partial,
        "given": result.given,
        **trace,
        "notes": result.notes,
        "budget": budget(result),
        "rows": rows,
        "stats": result.stats.as_dict(),
        "jobs": result.jobs.as_dict(),
        **({} if result.vectors is None else {"vectors": vector_rows(result)}),
        "time_ns": result.time_ns.tolist(),
        "livelocks": [
            {"vcpu": vcpu, "count": count, "first_ns": first_ns, "planes": list(planes)}
            for vcpu, count, first_ns, planes in result.livelocks
        ],
    }
