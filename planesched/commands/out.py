"""Where results are written to: the kind of file is that of its name."""

import json
from pathlib import Path
from typing import Any

from ..files import check_target, replacing

__all__ = ["check_out", "write_out"]


def check_out(out: str | None, kinds: tuple[str, ...]) -> None:
    """Raise before any work is done if `out` cannot be written.

    Raises
    ------
    ValueError
        If its name has none of these endings.
    OSError
        If it cannot be written.
    ImportError
        If what writes it is not installed.
    """
    if out is None:
        return
    ending = Path(out).suffix
    if ending not in kinds:
        raise ValueError(
            f"--out {out}: ends with {ending or 'nothing'!r}, expected {', '.join(kinds)}"
        )
    check_target(out)
    if ending == ".parquet":
        _pyarrow()


def write_out(out: str | None, result: Any) -> None:
    """Write a result's table, its JSON, or all of it."""
    if out is None:
        return
    if out.endswith(".npz"):
        result.save(out)
    elif out.endswith(".json"):
        with replacing(out) as file:
            file.write(json.dumps(result.as_dict(), indent=2) + "\n")
    else:
        pa, pq = _pyarrow()
        with replacing(out, "wb") as file:
            pq.write_table(pa.table(result.table()), file)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ValueError("a .parquet file needs pyarrow: pip install 'planesched[arrow]'") from None
    return pa, pq
