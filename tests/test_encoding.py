"""Base64url with one spelling."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest.encoding import (
    decode_base64url,
    is_canonical,
    outside_alphabet,
)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(min_size=1))
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    """The spelling of RFC 7515 is accepted, and means what was spelled."""
    segment = base64.urlsafe_b64encode(data).rstrip(b"=")

    assert b"" == outside_alphabet(segment)
    assert is_canonical(segment)
    assert data == decode_base64url(segment)


@given(st.text(ALPHABET, min_size=1))
def test_no_other_spelling_is_canonical(text: str) -> None:
    """What is canonical is what encoding its bytes gives; all else is refused."""
    segment = text.encode()
    try:
        decoded = base64.b64decode(segment + b"=" * (-len(segment) % 4), b"-_")
        expected = segment == base64.urlsafe_b64encode(decoded).rstrip(b"=")
    except ValueError:
        expected = False

    assert expected == is_canonical(segment)


def test_nothing_spells_nothing() -> None:
    """An empty segment is no spelling."""
    assert not is_canonical(b"")


@given(st.binary())
def test_only_the_alphabet_is_inside(data: bytes) -> None:
    """What is left is exactly what does not belong."""
    expected = bytes(byte for byte in data if byte not in ALPHABET.encode())

    assert expected == outside_alphabet(data)
