"""JSON with one meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest import strict_json
from supertokens_guest._tokens.payload import MAX_DEPTH

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values, st.booleans())
def test_what_was_written_is_read(value: Any, ensure_ascii: bool) -> None:
    """Every JSON value comes back as it is, escaped or not."""
    text = json.dumps(value, ensure_ascii=ensure_ascii)

    assert value == strict_json.parse(text.encode())


@pytest.mark.parametrize("text", [b' \t\r\n{"a": 1}\r\n ', b'\n{"a":1}', b'{"a":1}\n'])
def test_white_space_around_the_value_is_json(text: bytes) -> None:
    """A key set may end with a line feed (RFC 8259, 2)."""
    assert {"a": 1} == strict_json.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"nil",
        b"{} {}",
        b"{}x",
        b"\xa0{}",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32"),
        b'{"a":"\xff"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1,"a":1}',
        b'[{"b":{"a":1,"a":2}}]',
        b'{"a":1,"\\u0061":2}',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[-1e400]",
        b"[" + b"1" * 5_000 + b"]",
        b"['a']",
        b"[1,]",
        b"[01]",
        b'["\x00"]',
        b'["\\ud800"]',
        b'{"\\uDFFF":1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 1_000 + b"]" * 1_000,
    ],
)
def test_everything_else_is_an_error(text: bytes) -> None:
    """Nothing is guessed, repaired or read twice; and no stack is used up."""
    with pytest.raises(ValueError, match=r"\w"):
        strict_json.parse(text)


def test_a_pair_of_surrogates_is_a_character() -> None:
    """Escaped as JSON escapes it, an emoji is one."""
    assert "🛒" == strict_json.parse(b'"\\ud83d\\uded2"')


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_the_depth_has_a_limit(opening: bytes) -> None:
    """As deep as a payload may be is read; one more is an error."""

    def nested(levels: int) -> bytes:
        closing = b"]" if opening == b"[" else b"}"
        return opening * levels + b"1" + closing * levels

    strict_json.parse(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="deeply"):
        strict_json.parse(nested(MAX_DEPTH + 1))


def test_wide_is_not_deep() -> None:
    """Many containers beside one another are none too many."""
    wide: list[Any] = [[{}]] * 500

    assert wide == strict_json.parse(json.dumps(wide).encode())
