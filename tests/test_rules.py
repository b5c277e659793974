"""What a token looks like from outside."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest import tokens
from supertokens_guest.errors import MalformedTokenError, NotAGuestError
from testkit.forging import ISSUER, encode, static_key

KEY = static_key()
TOKEN = KEY.token()
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")


def test_t2_what_is_too_long_is_not_looked_at() -> None:
    """A cookie's length is the most; longer text and other things are refused."""
    assert "x" * 4_096 == tokens.check_size("x" * 4_096)
    for wrong in ("x" * 4_097, TOKEN.encode(), None, 7, [TOKEN]):
        with pytest.raises(MalformedTokenError):
            tokens.check_size(wrong)


def test_t2_a_kind_of_text_that_could_lie_is_refused() -> None:
    """A subclass of ``str`` may say that it is short."""

    class Short(str):
        __slots__ = ()

        def __len__(self) -> int:
            return 1

    with pytest.raises(MalformedTokenError):
        tokens.check_size(Short("x" * 10_000))


def test_t3_a_token_is_three_segments() -> None:
    """They come back as they are."""
    assert (HEADER, PAYLOAD, SIGNATURE) == tuple(
        segment.decode() for segment in tokens.split(TOKEN)
    )


@pytest.mark.parametrize(
    "text",
    ["AA.AB.AA", "AA.AA.AB", "AA.AAF.AA", "AA.AA.AAF", "AA.AA.A", "AA.A.AA", "A..A"],
)
def test_t3_payload_and_signature_have_one_spelling(text: str) -> None:
    """Another spelling of the same bytes, or of none, is refused."""
    with pytest.raises(MalformedTokenError):
        tokens.split(text)


def test_t3_a_header_has_one_spelling() -> None:
    """A last character that differs in bits that mean nothing is another spelling."""
    header = KEY.header | {"kid": "s-" + "a" * 33}
    good, rest = KEY.token(header).split(".", 1)
    other = good[:-1] + chr(ord(good[-1]) + 1)
    padding = "=" * (-len(good) % 4)

    assert header["kid"] == tokens.key_id(f"{good}.{rest}")
    assert base64.urlsafe_b64decode(good + padding) == base64.urlsafe_b64decode(
        other + padding
    )
    with pytest.raises(MalformedTokenError):
        tokens.key_id(f"{other}.{rest}")


@pytest.mark.parametrize(
    "order",
    [
        ("kid", "typ", "alg"),
        ("alg", "typ", "kid"),
        ("typ", "kid", "alg"),
        ("alg", "kid", "typ"),
    ],
)
def test_t5_the_members_may_be_in_any_order(order: tuple[str, ...]) -> None:
    """The core's header, however a core may write it one day."""
    header = {name: KEY.header[name] for name in order}

    assert KEY.kid == tokens.key_id(KEY.token(header))


@pytest.mark.parametrize("size", [512, 513])
def test_t5_a_header_has_a_limit(size: int) -> None:
    """Of a long one nothing is decoded."""
    with pytest.raises(MalformedTokenError):
        tokens.key_id("e" * size + ".e30.AA")


@pytest.mark.parametrize("size", [64, 65])
def test_t5_a_key_id_has_a_limit(size: int) -> None:
    """64 characters after the prefix are the most."""
    kid = "s-" + "a" * size
    token = KEY.token({**KEY.header, "kid": kid})
    if size == 64:
        assert kid == tokens.key_id(token)
    else:
        with pytest.raises(MalformedTokenError):
            tokens.key_id(token)


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "d-1690000000000", "typ": "JWT", "version": "5", "alg": "RS256"},
        {"kid": "d-1690000000000", "typ": "JWT", "alg": "RS256"},
        {**KEY.header, "version": "5"},
    ],
)
def test_s3_the_header_of_a_session_is_none_of_a_guest(header: dict[str, Any]) -> None:
    """A version, or a dynamic key: the core writes them for sessions."""
    with pytest.raises(NotAGuestError):
        tokens.key_id(KEY.token(header))


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit"]), st.text()))
def test_t5_no_header_but_the_cores(members: dict[str, str]) -> None:
    """No other combination of members and values is accepted."""
    with pytest.raises((MalformedTokenError, NotAGuestError)):
        tokens.key_id(KEY.sign({}, members))


@pytest.mark.parametrize("ours", [True, False])
def test_s16_a_readable_token_says_what_it_claims_to_be(ours: bool) -> None:
    """Audience and issuer are told, for ours as for anybody's, unverified."""
    claims = {"aud": "supertokens-guest" if ours else ["x", "y"], "iss": ISSUER}
    token = f"{HEADER}.{encode(json.dumps(claims).encode())}.AAAA"

    assert tokens.Claimed(claims["aud"], ISSUER) == tokens.claimed(token)


def test_s16_a_token_may_claim_nothing() -> None:
    """A JWT of somebody else may have neither."""
    header = encode(b'{"alg":"HS256"}')

    assert tokens.Claimed(None, None) == tokens.claimed(f"{header}.e30.AAAA")


@pytest.mark.parametrize(
    "token",
    [
        None,
        7,
        b"e30.e30.AA",
        "",
        "x",
        "e30.e30",
        "e30.e30.AA",
        f"{HEADER}.e30",
        f"{HEADER}.W10.AA",
        f"W10.{PAYLOAD}.AA",
        f"{HEADER}.{PAYLOAD}=.AA",
        f"{HEADER}.{encode(b'[' * 2_000)}.AA",
        f"{HEADER}.{encode(b'{' + bytes(1) + b'}')}.AA",
        f"{HEADER}.{encode(b'x' * 4_000)}.AA",
        "\ud800.e30.AA",
        "." * 4_096,
    ],
)
def test_s16_anything_else_is_no_readable_token(token: Any) -> None:
    """And nothing is raised for it."""
    assert tokens.claimed(token) is None


@given(st.text() | st.binary() | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+"))
def test_s16_nothing_makes_it_raise(token: Any) -> None:
    """Whatever came as a cookie, there is an answer."""
    claimed = tokens.claimed(token)

    assert claimed is None or isinstance(claimed, tokens.Claimed)
