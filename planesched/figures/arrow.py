"""Tables as Arrow: for polars, DuckDB, pandas and Parquet, with nulls where nothing is known."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["arrow_stream", "arrow_table"]


def arrow_table(columns: Mapping[str, Sequence[Any]]) -> Any:
    """Return columns as a ``pyarrow.Table``; what is None or NaN becomes null.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise ImportError("Arrow needs pyarrow: pip install 'planesched[arrow]'") from None
    # from_pandas: NaN is null. A column of nulls alone is one of numbers, as it is elsewhere.
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    return pa.table(
        {
            name: array.cast(pa.float64()) if pa.types.is_null(array.type) else array
            for name, array in arrays.items()
        }
    )


def arrow_stream(columns: Mapping[str, Sequence[Any]], requested_schema: object = None) -> object:
    """Return the capsule of a stream of columns, for an ``__arrow_c_stream__``.

    https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    """
    return arrow_table(columns).__arrow_c_stream__(requested_schema)
