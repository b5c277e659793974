"""What the claims of a guest must say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest._tokens.payload import MAX_LIFETIME_SECONDS, SESSION_CLAIMS
from supertokens_guest.errors import (
    ExpiredTokenError,
    MalformedTokenError,
    NotAGuestError,
    NotYetValidTokenError,
    RevokedGuestError,
    TokenError,
    WrongAudienceError,
    WrongIssuerError,
)
from supertokens_guest.profile import TokenPolicy, check_claims
from testkit.forging import ISSUER, guest_claims

NOW = 1_700_000_000
POLICY = TokenPolicy(issuers=frozenset({ISSUER}))


def check(policy: Any = POLICY, /, **changes: Any) -> tuple[str, float, float]:
    """Check a guest's claims at ``NOW``, changed; ``...`` leaves one out."""
    times = {"iat": NOW - 10, "exp": NOW + 100}
    return check_claims(guest_claims(**{**times, **changes}), policy, NOW)


def test_t6_a_guests_claims_hold() -> None:
    """The id and the instants are those of the token."""
    assert ("G-1", NOW - 10, NOW + 100) == check(sub="G-1")


@pytest.mark.parametrize(
    "times",
    [
        {"iat": 1.69e9, "exp": 1.71e9},
        {"iat": NOW - 10.5, "exp": NOW + 0.5},
        {"exp": NOW + 1},
        {"iat": NOW + 60},
        {"nbf": NOW + 60},
        {"nbf": 0},
        {"iat": NOW, "exp": NOW + MAX_LIFETIME_SECONDS},
        {"iat": NOW - 60, "exp": NOW + MAX_LIFETIME_SECONDS},
    ],
)
def test_t6_what_instants_may_be(times: dict[str, Any]) -> None:
    """Whole or not, up to a minute ahead, and ten years apart at most."""
    assert check(**times)


NO_INSTANTS: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "text": "9999999999",
    "true": True,
    "list": [],
    "dict": {},
    "negative": -1,
    "milliseconds": NOW * 1_000,
    "the year 10000": 253_402_300_800,
    "1e308": 1e308,
    "60 digits": 10**60,
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
}


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("kind", NO_INSTANTS)
def test_t6_what_is_no_instant(name: str, kind: str) -> None:
    """A clock must be able to show it; no text is a number."""
    if (name, kind) == ("nbf", "missing"):
        assert check(nbf=...)
    else:
        with pytest.raises(MalformedTokenError, match=name):
            check(**{name: NO_INSTANTS[kind]})


@pytest.mark.parametrize("exp", [NOW, NOW - 0.001, NOW - 1, 0])
def test_t6_exp_has_no_leeway(exp: float) -> None:
    """A guest ends with its ``exp``, not later."""
    with pytest.raises(ExpiredTokenError):
        check(exp=exp, iat=max(0, exp - 1_000))


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_t6_a_minute_ahead_is_enough(name: str) -> None:
    """The core's clock may be a minute ahead of ours, no more."""
    with pytest.raises(NotYetValidTokenError):
        check(**{name: NOW + 60.5}, exp=NOW + 1_000)


def test_t6_nothing_lives_longer_than_ten_years() -> None:
    """The core's default of a hundred years makes no guest."""
    with pytest.raises(NotAGuestError, match="longer"):
        check(iat=NOW, exp=NOW + MAX_LIFETIME_SECONDS + 61)
    with pytest.raises(NotAGuestError, match="longer"):
        check(iat=NOW, exp=NOW + 3_153_600_000)


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
    with pytest.raises(WrongAudienceError):
        check(aud=aud)


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
    with pytest.raises(WrongIssuerError):
        check(iss=iss)


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
    with pytest.raises(NotAGuestError):
        check(sub=sub)


@pytest.mark.parametrize("name", sorted(SESSION_CLAIMS))
@pytest.mark.parametrize("value", [None, 0, "x"])
def test_t7_no_claim_of_another_kind_of_token(name: str, value: Any) -> None:
    """A claim that sessions or OAuth tokens have is enough, whatever its value."""
    with pytest.raises(NotAGuestError):
        check(**{name: value})


def test_t7_several_issuers_may_be_accepted() -> None:
    """Each of the policy's issuers is as good as the other."""
    policy = TokenPolicy(issuers=frozenset({ISSUER, "https://old.example.com"}))

    assert check(policy, iss="https://old.example.com")
    assert check(policy)


def test_guests_of_some_age_can_be_withdrawn() -> None:
    """A guest from before the instant is revoked; one from then on is not."""
    policy = TokenPolicy(issuers=frozenset({ISSUER}), reject_issued_before=NOW - 10)

    assert check(policy, iat=NOW - 10)
    with pytest.raises(RevokedGuestError):
        check(policy, iat=NOW - 10.5)


@pytest.mark.parametrize("name", ["iss", "sub"])
def test_t8_a_message_shows_little_of_a_claim(name: str) -> None:
    """At most 64 characters, on one line."""
    with pytest.raises(TokenError) as raised:
        check(**{name: "\n" + "x" * 10_000})

    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 120


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "iat", "exp", "nbf", "sessionHandle"]),
        anything,
    )
)
def test_t1_no_claims_are_a_surprise(changes: dict[str, Any]) -> None:
    """Whatever a claim holds, there is a verdict and no other exception."""
    try:
        guest_id, iat, exp = check(**changes)
    except TokenError:
        return
    assert guest_id.startswith("G-")
    assert 0 <= iat <= NOW + 60
    assert exp > NOW
