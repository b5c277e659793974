"""What a guest JWT is: what it looks like, what it says, and whose another one is."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supertokens_guest._tokens import rules
from supertokens_guest._tokens.payload import MAX_LIFETIME_SECONDS, SESSION_CLAIMS
from supertokens_guest._tokens.rules import (
    Verified,
    check_form,
    checked_size,
    key_id,
    ownership,
)
from supertokens_guest.errors import TokenError
from testkit.forging import ISSUER, encode, guest_claims, static_key

KEY = static_key()
TOKEN = KEY.token()
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")
NOW = int(time.time())  # and later: nothing below is true for a second only


def signed(**changes: Any) -> Verified:
    """Verify a guest's token with *changes*; ``...`` leaves a claim out."""
    times = {"iat": NOW - 10, "exp": NOW + 3_600}
    token = KEY.sign(guest_claims(**{**times, **changes}))
    return rules.verified(token, KEY.private.public_key(), ISSUER)


def refused(**changes: Any) -> str:
    """Return the code with which such a token is refused."""
    with pytest.raises(TokenError) as raised:
        signed(**changes)
    return raised.value.code


# What it looks like


def test_t2_what_is_too_long_is_not_looked_at() -> None:
    """A cookie's length is the most; longer text and other things are refused."""
    assert "x" * 4_096 == checked_size("x" * 4_096)
    for wrong in ("x" * 4_097, TOKEN.encode(), None, 7, [TOKEN]):
        with pytest.raises(TokenError, match="token"):
            checked_size(wrong)


def test_t2_a_kind_of_text_that_could_lie_is_refused() -> None:
    """A subclass of ``str`` may say that it is short."""

    class Short(str):
        __slots__ = ()

        def __len__(self) -> int:
            return 1

    with pytest.raises(TokenError, match="token"):
        checked_size(Short("x" * 10_000))


def test_a_coroutine_is_told_apart() -> None:
    """Who forgot to wait for the token reads so."""

    async def token() -> str:
        return TOKEN

    with pytest.raises(TokenError, match="await it"):
        checked_size(token())  # and Python does not warn that nobody awaited it


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "e30", "e30.e30", "e30.e30.", "e30..AA", ".e30.AA"),
        *("e30.e30.AA.AA", "e30.e30.A=", "e30.e+0.AA", "e30.e/0.AA"),
        *("e30.e30.AA\n", " e30.e30.AA"),
    ],
)
def test_t3_a_token_is_three_segments_of_base64url(text: str) -> None:
    """Nothing else is accepted, nor ever a reason to ask for a key."""
    token = text.replace("e30", TOKEN.split(".")[0], 1)
    with pytest.raises(TokenError) as refused:
        check_form(token if key_id(token) else "")

    assert "malformed" == refused.value.code


def test_t3_a_header_has_one_spelling() -> None:
    """A last character that differs in bits that mean nothing is another spelling."""
    header = KEY.header | {"kid": "s-" + "a" * 33}
    good, rest = KEY.token(header).split(".", 1)
    other = good[:-1] + chr(ord(good[-1]) + 1)
    padding = "=" * (-len(good) % 4)

    assert header["kid"] == key_id(f"{good}.{rest}")
    assert base64.urlsafe_b64decode(good + padding) == base64.urlsafe_b64decode(
        other + padding
    )
    with pytest.raises(TokenError, match="token"):
        key_id(f"{other}.{rest}")


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

    assert KEY.kid == key_id(KEY.token(header))


def test_t5_pyjwt_reads_a_header_alone() -> None:
    """With nothing behind it: so a header is read once for all tokens that have it."""
    assert KEY.header == jwt.get_unverified_header(f"{HEADER}..")


@pytest.mark.parametrize("size", [512, 513])
def test_t5_a_header_has_a_limit(size: int) -> None:
    """Of a long one nothing is decoded."""
    with pytest.raises(TokenError, match="token"):
        key_id("e" * size + ".e30.AA")


@pytest.mark.parametrize("size", [64, 65])
def test_t5_a_key_id_has_a_limit(size: int) -> None:
    """64 characters after the prefix are the most."""
    kid = "s-" + "a" * size
    token = KEY.token({**KEY.header, "kid": kid})
    if size == 64:
        assert kid == key_id(token)
    else:
        with pytest.raises(TokenError, match="token"):
            key_id(token)


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
    with pytest.raises(TokenError, match="session"):
        key_id(KEY.token(header))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit"]), st.text()))
def test_t5_no_header_but_the_cores(members: dict[str, str]) -> None:
    """No other combination of members and values is accepted."""
    with pytest.raises(TokenError):
        key_id(KEY.sign({}, members))


# What it says


def test_t6_a_guests_claims_hold() -> None:
    """The id, what the app put beside it, and the instants are those of the token."""
    expected = ("G-1", {"cart": ["sku-1"]}, NOW - 10, NOW + 3_600)

    assert expected == signed(sub="G-1")


@pytest.mark.parametrize(
    "times",
    [
        {"iat": 1.69e9, "exp": 1.99e9},
        {"iat": NOW - 10.5, "exp": NOW + 3_600.5},
        {"iat": NOW + 60},
        {"iat": NOW, "exp": NOW + MAX_LIFETIME_SECONDS},
        {"iat": NOW - 60, "exp": NOW + MAX_LIFETIME_SECONDS},
    ],
)
def test_t6_what_instants_may_be(times: dict[str, Any]) -> None:
    """Whole or not, up to a minute ahead, and ten years apart at most."""
    assert signed(**times)


NO_INSTANTS: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "list": [],
    "dict": {},
    "a word": "soon",
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
}
OTHER_INSTANTS = [
    ("exp", "9999999999", "malformed"),
    ("exp", NOW * 1_000, "malformed"),
    ("exp", 253_402_300_800, "malformed"),
    ("exp", 10**60, "malformed"),
    ("exp", 1e308, "malformed"),
    ("exp", True, "expired"),
    ("iat", True, "malformed"),
    ("iat", "1600000000", "malformed"),
    ("iat", -1, "malformed"),
    ("iat", NOW * 1_000, "not_yet_valid"),
    ("iat", 10**60, "not_yet_valid"),
]


@pytest.mark.parametrize("name", ["exp", "iat"])
@pytest.mark.parametrize("kind", NO_INSTANTS)
def test_t6_what_is_no_instant(name: str, kind: str) -> None:
    """No number, no guest."""
    assert "malformed" == refused(**{name: NO_INSTANTS[kind]})


@pytest.mark.parametrize(
    ("name", "value", "code"), OTHER_INSTANTS, ids=range(len(OTHER_INSTANTS))
)
def test_t6_a_clock_must_be_able_to_show_it(name: str, value: Any, code: str) -> None:
    """Neither text nor a truth is a number, and nothing lies beyond the year 9999."""
    assert code == refused(**{name: value})


@pytest.mark.parametrize(
    "exp", [NOW, NOW - 0.001, NOW - 1, 0], ids=["now", "just", "second", "epoch"]
)
def test_t6_exp_has_no_leeway(exp: float) -> None:
    """A guest ends with its ``exp``, not later."""
    assert "expired" == refused(exp=exp, iat=max(0, exp - 1_000))


def test_t6_a_minute_ahead_is_enough() -> None:
    """The core's clock may be a minute ahead of ours, no more."""
    now = time.time()

    assert signed(iat=now + 59)
    assert "not_yet_valid" == refused(iat=now + 62, exp=now + 1_000)


@pytest.mark.parametrize("claim", [{"nbf": NOW - 10}, {"jti": "1"}])
def test_t7_what_no_guest_has(claim: dict[str, Any]) -> None:
    """Neither a beginning nor an id of its own."""
    assert "not_a_guest" == refused(**claim)


def test_t6_nothing_lives_longer_than_ten_years() -> None:
    """The core's default of a hundred years makes no guest."""
    assert "not_a_guest" == refused(iat=NOW, exp=NOW + MAX_LIFETIME_SECONDS + 61)
    assert "not_a_guest" == refused(iat=NOW, exp=NOW + 3_153_600_000)


@pytest.mark.parametrize(
    "aud",
    [
        ...,
        None,
        "",
        "other",
        "supertokens-guest ",
        "Supertokens-guest",
        ["supertokens-guest"],
        {"supertokens-guest": 1},
        True,
        7,
    ],
)
def test_t7_aud_makes_the_guest(aud: Any) -> None:
    """It is that text, not a list with it."""
    assert "wrong_audience" == refused(aud=aud)


@pytest.mark.parametrize(
    "iss",
    [
        ...,
        None,
        7,
        [],
        [ISSUER],
        {},
        "",
        ISSUER[:-1],
        f"{ISSUER}/",
        f" {ISSUER}",
        ISSUER.upper(),
        "https://other.example.com/auth",
    ],
)
def test_t7_iss_is_compared_exactly(iss: Any) -> None:
    """Nothing is normalised, and nothing but text is compared."""
    assert "wrong_issuer" == refused(iss=iss)


@pytest.mark.parametrize(
    "sub",
    [
        ...,
        None,
        7,
        True,
        [],
        {},
        "",
        "G-",
        "G",
        "g-1",
        "1",
        "6f3c2f2e-1111-4222-8333-abcdefabcdef",
        "G-1\n",
        "\nG-1",
        "G-1 ",
        "G-1;drop",
        "G-1\0",
        "G-\ud800",
        "G-\u202e1",
        "G-\u200b",
        "G-é",
        "G-" + "a" * 65,
        "G-" + "a" * 10_000,
    ],
)
def test_t7_sub_is_a_guests_id(sub: Any) -> None:
    """``G-`` and 1 to 64 harmless characters; a user's id is none."""
    assert "not_a_guest" == refused(sub=sub)


@pytest.mark.parametrize("name", sorted(SESSION_CLAIMS))
@pytest.mark.parametrize("value", [None, 0, "x"])
def test_t7_no_claim_of_another_kind_of_token(name: str, value: Any) -> None:
    """A claim that sessions or OAuth tokens have is enough, whatever its value."""
    assert "not_a_guest" == refused(**{name: value})


def test_t7_the_expected_issuer_is_named_and_never_the_tokens() -> None:
    """Who set the issuer up wrongly sees it."""
    with pytest.raises(TokenError, match=f"not {ISSUER}") as raised:
        signed(iss="https://secret.example.com")

    assert "secret" not in str(raised.value)


def test_t8_a_message_shows_little_of_a_claim() -> None:
    """At most 64 characters, on one line."""
    with pytest.raises(TokenError) as raised:
        signed(sub="\n" + "x" * 10_000)

    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 120


@pytest.mark.parametrize(
    "body", [b"[secret", b'{"a":"secret\xff"}', b'["secret"]', b'{"exp":"secret"}']
)
def test_t8_no_error_carries_a_payload(body: bytes) -> None:
    """Not as its cause either, where a reporter of errors would find it."""
    with pytest.raises(TokenError) as raised:
        rules.verified(KEY.sign(body), KEY.private.public_key(), ISSUER)

    assert (None, None) == (raised.value.__cause__, raised.value.__context__)


def test_t1_any_error_of_the_decoder_is_the_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before 2.15.1 PyJWT let out what it met in claims."""
    for error in (OverflowError(), TypeError(), RecursionError(), ValueError()):

        def fail(*_: Any, error: Exception = error, **__: Any) -> Any:
            raise error

        monkeypatch.setattr(jwt, "decode", fail)
        assert "malformed" == refused()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "iat", "exp", "nbf", "sessionHandle"]),
        anything,
    )
)
def test_t1_no_claims_are_a_surprise(changes: dict[str, Any]) -> None:
    """Whatever a claim holds, there is a verdict and no other exception."""
    now = int(time.time())
    try:
        found = signed(**{"iat": now - 10, "exp": now + 100, **changes})
    except TokenError:
        return
    guest_id, _payload, issued_at, expires_at = found
    assert guest_id.startswith("G-")
    assert 0 <= issued_at <= now + 60
    assert expires_at > now


# Whose it is


def unsigned(claims: Any, header: Any = None) -> str:
    """Return a JWT that nobody has signed."""
    head = encode(json.dumps(header or {"alg": "HS256"}).encode())
    return f"{head}.{encode(json.dumps(claims).encode())}.AAAA"


OURS = unsigned({"aud": "supertokens-guest", "iss": ISSUER})
ENCRYPTED = encode(b'{"alg":"dir","enc":"A256GCM"}') + "..AAAA.AAAA.AAAA"


def test_s16_what_says_that_it_is_a_guest_of_ours_is_ours() -> None:
    """Valid or not: a forged or expired one is ours to clear."""
    assert "ours" == ownership(TOKEN, ISSUER)
    assert "ours" == ownership(OURS, ISSUER)


@pytest.mark.parametrize(
    "token",
    [
        unsigned({}),
        unsigned({"aud": "supertokens-guest", "iss": f"{ISSUER}/"}),
        unsigned({"aud": "supertokens-guest"}),
        unsigned({"aud": ["supertokens-guest"], "iss": ISSUER}),
        unsigned({"aud": ["x", "y"], "iss": {"a": []}}),
        unsigned({"iss": ISSUER}, {"alg": "none"}),
        unsigned({}).rpartition(".")[0] + ".",
        unsigned({"note": "x" * 8_000}),
        unsigned({}).replace(".AAAA", ".AAA="),
        ENCRYPTED,
        *(f"{bearer}{OURS}" for bearer in ("Bearer ", "bearer%20", "BEARER+")),
        f"Bearer%20{ENCRYPTED}",
        f"Bearer  {unsigned({})}",
    ],
)
def test_s16_another_jwt_is_somebody_elses(token: str) -> None:
    """A sibling app's guest, an encrypted one, a token behind ``Bearer``."""
    assert "foreign" == ownership(token, ISSUER)


@pytest.mark.parametrize(
    "token",
    [
        None,
        7,
        TOKEN.encode(),
        [TOKEN],
        "",
        "x",
        "Bearer ",
        "e30.e30",
        "e30.e30.AA",
        f"{HEADER}.e30",
        f"{HEADER}.W10.AA",
        f"{HEADER}..AA",
        f"W10.{PAYLOAD}.AA",
        f"{HEADER}.{PAYLOAD}.AA.AA",
        f"{HEADER}.{PAYLOAD}.AA.AA.AA",
        f"{HEADER}.{PAYLOAD}.AA.AA.AA.AA",
        f"{HEADER}.{encode(b'[' * 8_000)}.AA",
        f"{HEADER}.{encode(b'{' + bytes(1) + b'}')}.AA",
        f"{HEADER}.{encode(b'x' * 4_000)}.AA",
        f"{HEADER}.{'A' * 1_000_000}.AA",
        "." * 1_000_000,
        "\ud800.e30.AA",
        f"{HEADER}.\ud800.AA",
        f"{HEADER}.\u0661\u0661.AA",
    ],
)
def test_s16_what_cannot_be_read_is_nobodys(token: Any) -> None:
    """It may be replaced, and nothing is raised for it."""
    assert "nobodys" == ownership(token, ISSUER)


@settings(deadline=None)
@given(
    st.text()
    | st.binary()
    | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+")
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(unsigned)
)
def test_s16_nothing_makes_it_raise(token: Any) -> None:
    """Whatever came as a cookie, there is an answer."""
    assert ownership(token, ISSUER) in {"ours", "foreign", "nobodys"}
