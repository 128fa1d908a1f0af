"""Times and rates as people write them: "20 us", "5 kHz"; and times as people read them."""

import re
from fractions import Fraction

__all__ = ["duration_ns", "format_ns", "rate_hz"]

_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
}
_HZ = {"Hz": 1, "/s": 1, "kHz": 1_000, "MHz": 1_000_000, "GHz": 1_000_000_000}
_MAX_NS = 2**63 - 1
_QUANTITY = re.compile(r"\s*(\d{1,30}(?:\.\d{1,30})?)\s*([a-zA-Zµμ/]*)\s*", re.ASCII)
_DURATION = 'a time with its unit (ns, us, ms, s or min), for example "20 us"'
_RATE = 'a rate with its unit (Hz, /s, kHz, MHz or GHz), for example "5 kHz"'


def duration_ns(text: str | int) -> int:
    """Read a time, exactly.

    Parameters
    ----------
    text : str or int
        A number and a unit, as in ``"20 us"`` or ``"1.5ms"``; ``"0"`` needs none. An int is
        nanoseconds already.

    Returns
    -------
    int
        Nanoseconds, 0 to 2**63 - 1.

    Raises
    ------
    ValueError
        If it is not a time, not a whole number of nanoseconds, or does not fit.
    TypeError
        If `text` is neither a str nor an int.
    """
    if isinstance(text, str):
        exact = _quantity(text, _NS, _DURATION)
    elif hasattr(text, "__index__") and not isinstance(text, bool):
        exact = Fraction(int(text))
    else:
        raise TypeError(f"{text!r} is neither a str nor an int, expected {_DURATION}")
    if exact.denominator != 1:
        raise ValueError(f"{text!r} is {float(exact)} ns, expected whole nanoseconds")
    if not 0 <= exact <= _MAX_NS:
        raise ValueError(f"{text!r} is not in 0..2**63 - 1 ns (292 years)")
    return int(exact)


def rate_hz(text: str | float) -> float:
    """Read a rate.

    Parameters
    ----------
    text : str, float or int
        A number and a unit, as in ``"5 kHz"`` or ``"200/s"``; ``"0"`` needs none. A number is
        per second already.

    Returns
    -------
    float
        Per second, finite and not negative.

    Raises
    ------
    ValueError
        If it is not a rate.
    TypeError
        If `text` is neither a str nor a number.
    """
    if isinstance(text, str):
        return float(_quantity(text, _HZ, _RATE))
    if not isinstance(text, (int, float)) or isinstance(text, bool):
        raise TypeError(f"{text!r} is neither a str nor a number, expected {_RATE}")
    rate = float(text)
    if not 0 <= rate < float("inf"):
        raise ValueError(f"{text!r} is not a rate: expected a finite number, 0 or more")
    return rate


def format_ns(time_ns: float | None) -> str:
    """Write a time with three digits that count: ``"12.3 us"``; ``"-"`` for None."""
    if time_ns is None:
        return "-"
    if float(f"{abs(time_ns):.3g}") < 1000:
        whole = float(time_ns).is_integer()
        return f"{time_ns:.0f} ns" if whole else f"{_three(time_ns)} ns"
    for unit, scale in (("us", 1e3), ("ms", 1e6), ("s", 1e9)):
        # Rounded before it is compared: 999.9 us is 1.00 ms.
        if float(f"{abs(time_ns) / scale:.3g}") < 1000:
            return f"{_three(time_ns / scale)} {unit}"
    return f"{time_ns / 1e9:.0f} s"


def _three(value: float) -> str:
    """Write a number below 1000 with three digits that count."""
    rounded = float(f"{abs(value):.3g}")
    decimals = 2 if rounded < 10 else 1 if rounded < 100 else 0
    return f"{value:.{decimals}f}"


def _quantity(text: str, units: dict[str, int], expected: str) -> Fraction:
    found = _QUANTITY.fullmatch(text)
    if not found or (found[2] not in units and (found[2] or Fraction(found[1]))):
        raise ValueError(f"{text!r} is not {expected}")
    return Fraction(found[1]) * units.get(found[2], 1)
