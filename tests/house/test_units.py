"""Times and rates as people write and read them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planesched.text import duration_ns, format_ns, rate_hz


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("20 us", 20_000),
        ("2us", 2_000),
        ("1.5ms", 1_500_000),
        (" 7 ns ", 7),
        ("0.000000001 s", 1),
        ("3 µs", 3_000),  # micro sign
        ("3 μs", 3_000),  # Greek mu
        ("2 min", 120_000_000_000),
        ("0", 0),
        ("9223372036854775807 ns", 2**63 - 1),
        (5_000, 5_000),
    ],
)
def test_durations(text, ns):
    assert duration_ns(text) == ns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20", "'20', expected a time with its unit"),
        ("20 u", "'20 u', expected a time"),
        ("5 kHz", "'5 kHz', expected a time"),
        ("-1 us", "'-1 us', expected a time"),
        ("1e3 us", "'1e3 us', expected a time"),
        ("", "'', expected a time"),
        ("us", "'us', expected a time"),
        ("٣ us", "expected a time"),
        ("0.5 ns", "'0.5 ns', expected whole nanoseconds, not 0.5"),
        ("9223372036854775808 ns", "expected a time in 0..2**63 - 1 ns"),
        (-1, "-1, expected a time in 0..2**63 - 1 ns"),
    ],
)
def test_no_durations(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        duration_ns(text)


@pytest.mark.parametrize("value", [1.5, None, True])
def test_a_duration_is_text_or_whole(value):
    with pytest.raises(TypeError, match="expected a time with its unit"):
        duration_ns(value)


@pytest.mark.parametrize(
    ("text", "hz"),
    [("5 kHz", 5e3), ("200/s", 200.0), ("0.1Hz", 0.1), ("1.5 MHz", 1.5e6), ("0", 0.0), (3, 3.0)],
)
def test_rates(text, hz):
    assert rate_hz(text) == hz


@pytest.mark.parametrize("text", ["5", "5 us", "fast", -1.0, float("inf"), float("nan")])
def test_no_rates(text):
    with pytest.raises(ValueError, match=r"rate|a finite number a second"):
        rate_hz(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0 ns"),
        (999, "999 ns"),
        (12.5, "12.5 ns"),
        (999.9, "1.00 us"),
        (1_000, "1.00 us"),
        (12_345, "12.3 us"),
        (999_499, "999 us"),
        (999_500, "1.00 ms"),
        (9_996_000, "10.0 ms"),
        (1_500_000_000, "1.50 s"),
        (5_000_000_000_000, "5000 s"),
    ],
)
def test_format(ns, text):
    assert format_ns(ns) == text


@given(st.integers(0, 10**12))
def test_format_keeps_three_digits(ns):
    assert duration_ns(format_ns(ns)) == pytest.approx(ns, rel=0.005)
