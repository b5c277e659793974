"""Tokens that the right key has signed and that are wrong in what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testkit.attacks_jose import DYNAMIC, KEY
from testkit.forging import ISSUER, NOW, compact, guest_claims

if TYPE_CHECKING:
    from supertokens_guest.errors import TokenFault

IAT, EXP = int(NOW) - 10, int(NOW) + 3_600

Case = tuple[Any, "TokenFault"]
"""A token, and how it is refused."""


def with_claims(**claims: Any) -> str:
    """Return a token that the core signed with other claims."""
    return KEY.token(**claims)


def with_raw_claim(name: str, text: str) -> str:
    """Return a signed token with a claim that is written as *text*."""
    body = compact(guest_claims(**{name: ...}))[:-1] + f',"{name}":{text}}}'.encode()
    return KEY.sign(body)


BODY = compact(guest_claims())
PAYLOADS: dict[str, Any] = {
    "array": KEY.sign(b"[]"),
    "text": KEY.sign(b'"x"'),
    "null": KEY.sign(b"null"),
    "number": KEY.sign(b"7"),
    "no JSON": KEY.sign(b"hello"),
    "UTF-16": KEY.sign(BODY.decode().encode("utf-16")),
    "byte order mark": KEY.sign(b"\xef\xbb\xbf" + BODY),
    "bad UTF-8": KEY.sign(BODY[:-1] + b',"x":"\xff"}'),
    "nested": KEY.sign(b"[" * 2_000),
    "nested and closed": KEY.sign(
        BODY[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}"
    ),
    "too deep for a payload": KEY.sign(
        BODY[:-1] + b',"x":' + b"[" * 32 + b"]" * 32 + b"}"
    ),
    "sub twice": KEY.sign(BODY[:-1] + b',"sub":"G-2"}'),
    "name twice inside": KEY.sign(BODY[:-1] + b',"x":{"a":1,"a":2}}'),
    "surrogate": KEY.sign(BODY[:-1] + b',"x":"\\ud800"}'),
    "infinite number": KEY.sign(BODY[:-1] + b',"x":1e400}'),
    "trailing object": KEY.sign(BODY + b"{}"),
}

INSTANTS: dict[str, str] = {
    "null": "null",
    "text": '"9999999999"',
    "true": "true",
    "list": "[]",
    "dict": "{}",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e400": "1e400",
    "60 digits": "9" * 60,
    "600 digits": "9" * 600,
    "1e308": "1e308",
    "-1": "-1",
    "milliseconds": str(EXP * 1_000),
}
# PyJWT reads what it can as a number and compares it before our rules see it.
IN_THE_FUTURE = ("text", "60 digits", "600 digits", "1e308", "milliseconds")
REFUSED: dict[str, TokenFault] = {
    "exp true": "expired",
    "exp -1": "expired",
    **{
        f"{name} {kind}": "not_yet_valid"
        for name in ("iat", "nbf")
        for kind in IN_THE_FUTURE
    },
    "nbf true": "not_a_guest",
    "nbf -1": "not_a_guest",
}

SUBJECTS: tuple[Any, ...] = (
    *(..., None, 7, "", [], {}, True, "G-1\0", "G-\u202e", "G-1\n", "G-\u200b"),
    *("user-1", "G-' OR 1=1", "G-" + "x" * 65),
)

ISSUERS: tuple[Any, ...] = (
    *(..., None, 7, [], [ISSUER], {}, "", ISSUER[:-1], f"{ISSUER}/"),
    *(ISSUER.upper(), f"{ISSUER} ", "https://api.example.com"),
)

AUDIENCES: tuple[Any, ...] = (
    *(..., None, False, "true", 1, [1], {}),
    *(["supertokens-guest"], "other"),
)

CLAIMS: dict[str, Case] = {
    **{
        f"{name} {kind}": (
            with_raw_claim(name, text),
            REFUSED.get(f"{name} {kind}", "malformed"),
        )
        for name in ("exp", "iat", "nbf")
        for kind, text in INSTANTS.items()
    },
    "exp missing": (with_claims(exp=...), "malformed"),
    "iat missing": (with_claims(iat=...), "malformed"),
    "exp zero": (with_claims(exp=0), "expired"),
    "exp past": (with_claims(exp=IAT + 1, iat=IAT), "expired"),
    "a hundred years": (with_claims(exp=IAT + 3_153_600_000), "not_a_guest"),
    "iat zero": (with_claims(iat=0), "not_a_guest"),
    "iat in an hour": (with_claims(iat=IAT + 3_700), "not_yet_valid"),
    "nbf in an hour": (with_claims(nbf=IAT + 3_700), "not_yet_valid"),
    **{f"sub {sub!r:.20}": (with_claims(sub=sub), "not_a_guest") for sub in SUBJECTS},
    "sub surrogate": (with_claims(sub="G-\ud800"), "not_a_guest"),
    **{f"iss {iss!r:.40}": (with_claims(iss=iss), "wrong_issuer") for iss in ISSUERS},
    **{
        f"aud {aud!r:.40}": (with_claims(aud=aud), "wrong_audience")
        for aud in AUDIENCES
    },
}

SESSION = {
    "iat": IAT,
    "exp": EXP,
    "sub": "user-1",
    "tId": "public",
    "rsub": "user-1",
    "sessionHandle": "h",
    "refreshTokenHash1": "x",
    "parentRefreshTokenHash1": None,
    "antiCsrfToken": None,
    "iss": ISSUER,
}
SESSION_HEADER = {"kid": KEY.kid, "typ": "JWT", "version": "5", "alg": "RS256"}

OTHER_TOKENS: dict[str, Case] = {
    "session": (KEY.sign(SESSION, SESSION_HEADER), "not_a_guest"),
    "session of a dynamic key": (
        DYNAMIC.sign(SESSION, {**SESSION_HEADER, "kid": DYNAMIC.kid}),
        "not_a_guest",
    ),
    "anonymous session": (
        KEY.sign({**SESSION, "isAnonymous": True}, SESSION_HEADER),
        "not_a_guest",
    ),
    "session without a version": (KEY.sign(SESSION), "wrong_audience"),
    "session that says it is a guest": (
        KEY.sign({**SESSION, "aud": "supertokens-guest", "sub": "G-1"}),
        "not_a_guest",
    ),
    "OAuth token": (
        KEY.sign(guest_claims(stt=1, client_id="c", scp=["x"])),
        "not_a_guest",
    ),
    "plain create_jwt": (with_claims(aud=...), "wrong_audience"),
    "other audience": (with_claims(aud="other"), "wrong_audience"),
    "guest of a dynamic key": (DYNAMIC.token(), "not_a_guest"),
}
