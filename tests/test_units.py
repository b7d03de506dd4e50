from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore import units

KIB, MIB, GIB, TIB = units.KIB, units.MIB, units.GIB, units.TIB


def refusal(parse: Callable[[str], object], text: str) -> str:
    """Why a text is not taken."""
    with pytest.raises(ValueError) as error:
        parse(text)
    return str(error.value)


def test_sizes() -> None:
    expected = [
        ("0", 0),
        ("4096", 4096),
        ("912B", 912),
        ("32MiB", 32 * MIB),
        ("1.5GiB", 3 * GIB // 2),
        ("1.0 GiB", GIB),
        ("2TiB", 2 * TIB),
        ("1KB", 1000),
        ("0.5KB", 500),
        ("20GB", 20 * 10**9),
        ("3TB", 3 * 10**12),
        ("9223372036854775807", 2**63 - 1),
    ]
    assert [(text, units.parse_size(text)) for text, _ in expected] == expected


NOT_A_SIZE = "is not a size; write bytes, or a number and one of B, KiB, MiB, GiB, TiB, KB, MB, GB, TB: 32MiB"


def test_bad_sizes() -> None:
    expected = [
        ("", f"'' {NOT_A_SIZE}"),
        ("32 potatoes", f"'32 potatoes' {NOT_A_SIZE}"),
        ("32mib", f"'32mib' {NOT_A_SIZE}"),
        ("-1", f"'-1' {NOT_A_SIZE}"),
        ("+1", f"'+1' {NOT_A_SIZE}"),
        ("nan", f"'nan' {NOT_A_SIZE}"),
        ("inf", f"'inf' {NOT_A_SIZE}"),
        ("1e9", f"'1e9' {NOT_A_SIZE}"),
        ("1_000", f"'1_000' {NOT_A_SIZE}"),
        ("٣MiB", f"'٣MiB' {NOT_A_SIZE}"),
        ("1MiB\n", f"'1MiB\\n' {NOT_A_SIZE}"),
        (".5KiB", f"'.5KiB' {NOT_A_SIZE}"),
        ("9" * 101, f"'{'9' * 59}…' {NOT_A_SIZE}"),
        ("1.5", "'1.5' is not a whole number of bytes; use a smaller unit"),
        ("0.3KiB", "'0.3KiB' is not a whole number of bytes; use a smaller unit"),
        ("9223372036854775808", "'9223372036854775808' is too large; a size is less than 8 EiB"),
        ("8388608TiB", "'8388608TiB' is too large; a size is less than 8 EiB"),
    ]
    assert [(text, refusal(units.parse_size, text)) for text, _ in expected] == expected


def test_durations() -> None:
    expected = [
        ("60s", 60.0),
        ("0s", 0.0),
        ("500ms", 0.5),
        ("10m", 600.0),
        ("24h", 86400.0),
        ("7d", 604800.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("1d2h3m4s5ms", 93784.005),
        ("0.1s", 0.1),
        ("3650d", 315360000.0),
    ]
    assert [(text, units.parse_duration(text)) for text, _ in expected] == expected


NOT_A_DURATION = "is not a duration; write it like 500ms, 60s, 10m, 1h30m or 7d"


def test_bad_durations() -> None:
    expected = [
        ("", f"'' {NOT_A_DURATION}"),
        ("60", "'60' has no unit; write it like 60s, 10m or 24h"),
        ("1.5", "'1.5' has no unit; write it like 60s, 10m or 24h"),
        ("-1s", f"'-1s' {NOT_A_DURATION}"),
        ("nan", f"'nan' {NOT_A_DURATION}"),
        ("infs", f"'infs' {NOT_A_DURATION}"),
        ("1m1h", f"'1m1h' {NOT_A_DURATION}"),
        ("1s1s", f"'1s1s' {NOT_A_DURATION}"),
        ("1 h", f"'1 h' {NOT_A_DURATION}"),
        ("1w", f"'1w' {NOT_A_DURATION}"),
        ("٣s", f"'٣s' {NOT_A_DURATION}"),
        ("1s\n", f"'1s\\n' {NOT_A_DURATION}"),
        ("1:30", f"'1:30' {NOT_A_DURATION}"),
        ("0.0000000001s", "'0.0000000001s' is finer than a nanosecond; use fewer digits"),
        ("3651d", "'3651d' is too long; a duration is at most 3650d"),
    ]
    assert [(text, refusal(units.parse_duration, text)) for text, _ in expected] == expected


@given(st.integers(0, 2**63 - 1) | st.builds(lambda n, p: n << p, st.integers(0, 1023), st.integers(0, 50)))
def test_a_size_literal_reads_back_exactly(size: int) -> None:
    assert units.parse_size(units.size_literal(size)) == size


@given(st.integers(0, 3650 * 86400 * 10**9))
def test_a_duration_literal_reads_back_exactly(nanoseconds: int) -> None:
    seconds = nanoseconds / 10**9
    assert units.parse_duration(units.duration_literal(seconds)) == seconds


@given(st.decimals(0, 10**8, places=9))
def test_durations_are_read_to_the_nanosecond(seconds: Decimal) -> None:
    assert units.parse_duration(f"{seconds:f}s") == float(seconds)


def test_size_texts() -> None:
    expected = [
        (0, "0B", "0 B"),
        (912, "912B", "912 B"),
        (1023, "1023B", "1023 B"),
        (1024, "1KiB", "1.0 KiB"),
        (1536, "1536B", "1.5 KiB"),
        (32 * MIB, "32MiB", "32.0 MiB"),
        (MIB - 1, "1048575B", "1.0 MiB"),
        (GIB, "1GiB", "1.0 GiB"),
        (GIB + KIB, "1048577KiB", "1.0 GiB"),
        (5000 * TIB, "5000TiB", "5000.0 TiB"),
    ]
    assert [(size, units.size_literal(size), units.format_size(size)) for size, _, _ in expected] == expected


def test_duration_texts() -> None:
    expected = [
        (0, "0s", "0 ms"),
        (0.35, "350ms", "350 ms"),
        (0.0015, "0.0015s", "2 ms"),
        (0.9999, "0.9999s", "1.0 s"),
        (12.345, "12345ms", "12.3 s"),
        (59.99, "59990ms", "1 min 00 s"),
        (60, "1m", "1 min 00 s"),
        (90, "90s", "1 min 30 s"),
        (3600, "1h", "1 h 00 min"),
        (5400, "90m", "1 h 30 min"),
        (86399, "86399s", "1 d 00 h"),
        (86400, "1d", "1 d 00 h"),
        (100000, "100000s", "1 d 04 h"),
        (0.1 + 0.2, "300ms", "300 ms"),
    ]
    assert [
        (seconds, units.duration_literal(seconds), units.format_duration(seconds))
        for seconds, _, _ in expected
    ] == expected


def test_no_literal_for_what_is_no_duration() -> None:
    for seconds in (-1.0, float("nan"), float("inf"), 4e8):
        with pytest.raises(ValueError, match="is not a duration"):
            units.duration_literal(seconds)


def test_no_literal_for_a_negative_size() -> None:
    with pytest.raises(ValueError, match="-1 is not a size; a size is 0 or more"):
        units.size_literal(-1)
