"""A login with any bytes as the guest cookie answers as it does without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from testkit.apps import KINDS
from testkit.sdk import ISSUER, guest_jwt
from testkit.visitors import set_cookies, shape

if TYPE_CHECKING:
    from testkit.apps import Kind, Told
    from testkit.core import Core
    from testkit.fixtures import Serve, Visit

NASTY = (
    b"",
    b"=",
    b'"',
    b'""',
    b".",
    b"..",
    b"a.b.c",
    b"null",
    b"undefined",
    b"%00%0d%0aSet-Cookie:%20x=y",
    b"\xff\xfe\x80",
    "Grüße🛒".encode(),
    b"{'a': 1}",
    b"eyJhbGciOiJub25lIn0.e30.",
    b"eyJhbGciOiJub25lIn0.eyJhdWQiOiJzdXBlcnRva2Vucy1ndWVzdCJ9.AA",
    b"[" * 3_000,
    b"A" * 4_095,
    b"." * 4_096,
    b"eyJ" + b"A" * 7_000,
    b"x; jwt=y; jwt=z; jwt=; jwt; jwt=a; jwt=b",
    b"x, jwt=y, jwt=z",
    b'"unclosed; jwt=other',
    b"../../etc/passwd",
    b"${jndi:ldap://127.0.0.1:9/x}",
)


@pytest.mark.parametrize("kind", KINDS)
def test_login_with_junk(serve: Serve, visit: Visit, told: Told, kind: Kind) -> None:
    """Status, body, headers and session are those of a login without a cookie."""
    app = serve(told.config(), kind=kind)
    expected = shape(visit(app).login())

    for junk in NASTY:
        visitor = visit(app)
        visitor.http.headers = httpx.Headers(
            [*visitor.http.headers.raw, (b"cookie", b"jwt=" + junk)]
        )
        answer = visitor.login()
        assert expected == shape(answer), junk
        assert "jwt" not in set_cookies(answer), junk

    assert [] == told.transfers


def _other_jwts(core: Core) -> dict[str, str]:
    """Return readable JWTs that are no guests of this app."""
    return {
        "plain create_jwt": core.sign({"sub": "G-1", "iss": ISSUER, "cart": []}),
        "OAuth-like": core.sign({"sub": "u", "client_id": "c", "scp": ["openid"]}),
        "of another app": guest_jwt(core, iss="https://other.example/auth"),
        "with a dynamic key": core.sign({"aud": "supertokens-guest"}, static=False),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_sign_up_with_another_jwt(
    serve: Serve, visit: Visit, told: Told, core: Core, kind: Kind
) -> None:
    """The same holds for tokens of the same core that are something else."""
    app = serve(told.config(), kind=kind)
    nobody = visit(app)
    expected = shape(nobody.sign_up())
    session = {"session": nobody.cookie("sAccessToken") or ""}

    for name, token in {**_other_jwts(core), **session}.items():
        visitor = visit(app)
        visitor.keep_cookie(token)
        answer = visitor.sign_up()
        assert expected == shape(answer), name
        assert token == visitor.guest_cookie, name

    assert [] == told.transfers
