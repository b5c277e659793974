"""The guest's cookie as a header's text and as a set of attributes."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest._web.cookies import (
    MAX_AGE_SECONDS,
    cookie_attributes,
    cookie_names,
    cookie_values,
    max_age_seconds,
)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("", []),
        ("jwt=a", ["a"]),
        ("x=1; jwt=a; y=2", ["a"]),
        ("jwt=a; jwt=b", ["a", "b"]),
        ("x=dark,jwt=a", []),
        ("jwt=a,jwt=b", ["a,jwt=b"]),
        ('jwt="a.b.c"', ["a.b.c"]),
        ('jwt="', ['"']),
        ("jwt=", [""]),
        ("jwt", []),
        ("jwt ; jwt=a", ["a"]),
        (" jwt = a ", ["a"]),
        ("xjwt=a; jwt.x=b; JWT=c; $jwt=d", []),
        ("jwt=a=b", ["a=b"]),
    ],
)
def test_t12_every_value_is_found_in_the_headers_order(
    header: str, values: list[str]
) -> None:
    """Frameworks keep the first or the last of several; this keeps them all."""
    assert values == cookie_values(header, "jwt")


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    """Whatever a header holds, there is a list of texts in it."""
    assert all(isinstance(value, str) for value in cookie_values(header, "jwt"))
    assert all(isinstance(name, str) for name in cookie_names(header))


def test_cookie_names() -> None:
    """Names are found however the header is spaced."""
    assert {"a", "b", "c"} == cookie_names("a=1;b=2 ; c")


@pytest.mark.parametrize(
    ("name", "domain", "secure"),
    [
        ("jwt", ".example.com", False),
        ("__Secure-jwt", ".example.com", True),
        ("__Host-jwt", None, True),
        ("__host-jwt", None, True),
    ],
)
def test_a_prefix_of_the_name_is_kept_as_a_promise(
    name: str, domain: str | None, secure: bool
) -> None:
    """Browsers drop a cookie whose attributes break its prefix."""
    attributes = cookie_attributes(
        name,
        domain=".example.com",
        older_domain=None,
        secure=False,
        same_site="none",
    )

    assert {
        "name": name,
        "domain": domain,
        "older_domain": None,
        "secure": secure,
        "same_site": "none",
    } == asdict(attributes)


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [(1_000 + 60.9, 60), (1_000 + 10**9, MAX_AGE_SECONDS), (999, 0)],
)
def test_a_cookie_lives_as_long_as_its_token_and_at_most_400_days(
    expires_at: float, seconds: int
) -> None:
    """Ten years of token do not make ten years of cookie."""
    assert seconds == max_age_seconds(expires_at, 1_000)
