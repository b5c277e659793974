"""The verifier: T1 to T9, T11 and T14, and what it does with keys that are missing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supertokens_guest._tokens import rules
from supertokens_guest._tokens.keys import KeyCache, KeySet, Lookup, StaticKeys
from supertokens_guest._tokens.verifying import GuestVerifier, TokenVerifier
from supertokens_guest.errors import (
    ConfigError,
    GuestError,
    KeysUnavailableError,
    TokenError,
)
from testkit.forging import ISSUER, NOW, guest_claims, static_key
from testkit.keyserver import LONG_SECONDS, Clock, KeyServer

KEY = static_key(1)
NEW_KEY = static_key(2)
TOKEN = KEY.token()


@pytest.fixture
def server(key_server: KeyServer) -> KeyServer:
    """Return the server of a core's key set."""
    return key_server


@pytest.fixture
def ages() -> Clock:
    """Return the clock of the key cache."""
    return Clock()


@pytest.fixture
def verifier(server: KeyServer, ages: Clock) -> TokenVerifier:
    """Return a verifier with a cold cache of the server's keys."""
    return TokenVerifier(KeyCache(lambda: [server.url], clock=ages), issuer=ISSUER)


def by_static_keys(**options: Any) -> TokenVerifier:
    """Return a verifier of the one key."""
    keys = StaticKeys({KEY.kid: KEY.pem})
    return TokenVerifier(keys, **{"issuer": ISSUER, **options})


@contextlib.contextmanager
def refused(
    code: str, match: str | None = None
) -> Iterator[pytest.ExceptionInfo[TokenError]]:
    """Expect the error of a token that is invalid for the reason *code*."""
    with pytest.raises(TokenError, match=match) as raised:
        yield raised
    assert code == raised.value.code


def verify(verifier: TokenVerifier, token: object = TOKEN) -> Any:
    """Verify, with time enough for a fetch."""
    return verifier.verify_sync(token, wait_seconds=LONG_SECONDS)


def test_a_valid_token_is_a_guest() -> None:
    """The id, the payload without the registered claims, and aware instants."""
    claims = guest_claims(cart=["sku-1", {"é": None}], n=1.5)
    guest = verify(by_static_keys(), KEY.sign(claims))

    assert claims["sub"] == guest.id
    assert {"cart": ["sku-1", {"é": None}], "n": 1.5} == guest.payload
    assert datetime.fromtimestamp(claims["iat"], timezone.utc) == guest.issued_at
    assert datetime.fromtimestamp(claims["exp"], timezone.utc) == guest.expires_at


def test_instants_of_old_cores_are_read() -> None:
    """They are written like 1.69E9."""
    body = json.dumps(guest_claims(iat=...)).encode()[:-1] + b',"iat":1.7E9}'
    guest = verify(by_static_keys(), KEY.sign(body))

    assert datetime.fromtimestamp(1_700_000_000, timezone.utc) == guest.issued_at


@pytest.mark.anyio
async def test_both_twins_give_the_same(verifier: TokenVerifier) -> None:
    """The coroutine and the function, also inside a running event loop."""
    cold = await verifier.verify(TOKEN, wait_seconds=LONG_SECONDS)
    again = await verifier.verify(TOKEN, wait_seconds=0)

    assert cold == again == verify(verifier)


@pytest.mark.anyio
async def test_the_function_may_fetch_inside_a_running_loop(
    verifier: TokenVerifier,
) -> None:
    """It waits for another thread, so it cannot wait for itself."""
    assert "G-" == verify(verifier).id[:2]


def test_a_known_key_never_gives_way(server: KeyServer, ages: Clock) -> None:
    """A coroutine with a known key ends at its first step, without an event loop."""
    cache = KeyCache(lambda: [server.url], clock=ages)
    verifier = TokenVerifier(cache, issuer=ISSUER)
    verify(verifier)
    step = verifier.verify(TOKEN, wait_seconds=LONG_SECONDS)

    with pytest.raises(StopIteration):
        step.send(None)


# Keys that are missing


def test_s8_an_id_missing_from_a_newer_set_is_invalid(
    verifier: TokenVerifier, server: KeyServer
) -> None:
    """Who asked for the set, and does not find the key in it, has a forged token."""
    with refused("bad_signature", match="s-0000"):
        verify(verifier, NEW_KEY.token())
    assert 1 == server.hits


def test_s8_an_id_that_may_not_be_asked_for_is_unavailable(
    verifier: TokenVerifier, server: KeyServer
) -> None:
    """In the cooldown nothing is said about a token, and it takes no time."""
    with refused("bad_signature"):
        verify(verifier, NEW_KEY.token({**NEW_KEY.header, "kid": "s-1"}))
    with pytest.raises(KeysUnavailableError, match="may not be asked"):
        verify(verifier, NEW_KEY.token())
    assert 1 == server.hits


class Landed(StaticKeys):
    """A source that has one key, and whose fetch has brought it already."""

    def __init__(self, *, is_own: bool) -> None:
        """Let a look-up be its own fetch, or join another."""
        super().__init__({KEY.kid: KEY.pem})
        self._landed: Future[bool] = Future()
        self._landed.set_result(True)
        self._is_own = is_own

    def look_up(self, kid: str) -> Lookup:
        """Return the fetch."""
        return Lookup(self._landed, is_own=self._is_own)


@pytest.mark.parametrize(
    ("is_own", "verdict"), [(True, TokenError), (False, KeysUnavailableError)]
)
def test_s8_a_set_that_was_asked_for_earlier_proves_nothing(
    is_own: bool, verdict: type[GuestError]
) -> None:
    """A token that comes during a fetch may be of a newer key than its answer."""
    with pytest.raises(verdict):
        verify(TokenVerifier(Landed(is_own=is_own), issuer=ISSUER), NEW_KEY.token())


def test_s7_a_core_that_is_down_makes_nothing_invalid(
    verifier: TokenVerifier, server: KeyServer
) -> None:
    """The token may be good, and the next one is told so at once."""
    server.fail()
    with pytest.raises(KeysUnavailableError, match="could not be fetched"):
        verify(verifier)
    with pytest.raises(KeysUnavailableError, match="may not be asked"):
        verify(verifier)
    assert 1 == server.hits


@pytest.mark.anyio
@pytest.mark.parametrize("wait_seconds", [0, 0.05])
async def test_k8_nobody_waits_longer_than_it_wants(
    verifier: TokenVerifier, server: KeyServer, wait_seconds: float
) -> None:
    """With the core hanging each has its own budget; without one it only asks."""
    server.mode = "hang"
    with pytest.raises(KeysUnavailableError, match="in time"):
        await verifier.verify(TOKEN, wait_seconds=wait_seconds)
    with pytest.raises(KeysUnavailableError, match="in time"):
        verifier.verify_sync(TOKEN, wait_seconds=wait_seconds)
    server.wait_for_hits(1)
    server.release()

    assert "G-" == (await verifier.verify(TOKEN, wait_seconds=LONG_SECONDS)).id[:2]
    assert 1 == server.hits


def test_k7_many_cold_verifications_are_one_fetch(
    verifier: TokenVerifier, server: KeyServer
) -> None:
    """Tasks of one loop and threads beside it all get their guest."""
    server.mode = "hang"

    async def tasks() -> list[Any]:
        waiting = [
            asyncio.create_task(verifier.verify(TOKEN, wait_seconds=LONG_SECONDS))
            for _ in range(50)
        ]
        await asyncio.sleep(0)
        server.release()
        return await asyncio.gather(*waiting)

    with ThreadPoolExecutor(50) as pool:
        threads = [pool.submit(verify, verifier) for _ in range(50)]
        guests = asyncio.run(tasks()) + [thread.result() for thread in threads]

    assert 100 == len(guests)
    assert 1 == server.hits


@pytest.mark.anyio
async def test_k9_a_client_that_hangs_up_harms_nobody(
    verifier: TokenVerifier, server: KeyServer
) -> None:
    """The first waiter is cancelled and is told so; the second has its guest."""
    server.mode = "hang"
    first = asyncio.create_task(verifier.verify(TOKEN, wait_seconds=LONG_SECONDS))
    second = asyncio.create_task(verifier.verify(TOKEN, wait_seconds=LONG_SECONDS))
    await asyncio.sleep(0)
    first.cancel()
    server.release()

    with pytest.raises(asyncio.CancelledError):
        await first
    assert "G-" == (await second).id[:2]


def test_k3_old_keys_make_nothing_invalid(
    verifier: TokenVerifier, server: KeyServer, ages: Clock
) -> None:
    """A remembered token dies with the keys' age too, as unavailable."""
    verify(verifier)
    server.fail()
    ages.now += 23 * 3_600
    verify(verifier)  # waits for a fetch, which fails
    ages.now += 3_601

    with pytest.raises(KeysUnavailableError):
        verify(verifier)


def test_k15_a_key_that_is_gone_verifies_nothing_more(
    verifier: TokenVerifier, server: KeyServer
) -> None:
    """Not even a token that is remembered."""
    verify(verifier)
    server.keys = [NEW_KEY.jwk]
    verify(verifier, NEW_KEY.token())

    with pytest.raises(KeysUnavailableError):
        verifier.verify_sync(TOKEN, wait_seconds=0)


# The token check


class Failing(StaticKeys):
    """A source whose keys cannot be read."""

    def __init__(self, error: BaseException) -> None:
        """Fail with *error*."""
        self._error = error

    def current(self) -> KeySet:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    "error", [ValueError("x"), MemoryError(), RecursionError(), KeyError("x")]
)
def test_t1_no_unforeseen_exception_gets_out(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no fault of the token's, which is kept; it is logged without its text."""
    verifier = TokenVerifier(Failing(error), issuer=ISSUER)
    with pytest.raises(KeysUnavailableError, match="could not be checked") as raised:
        verify(verifier)

    assert (None, None) == (raised.value.__cause__, raised.value.__context__)
    assert type(error).__name__ in caplog.text
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_t1_what_ends_a_program_is_not_caught(error: BaseException) -> None:
    """Cancellation and Ctrl-C go through."""
    with pytest.raises(type(error)):
        verify(TokenVerifier(Failing(error), issuer=ISSUER))


def test_t2_a_megabyte_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is too long reaches neither the decoder nor the memory."""
    monkeypatch.setattr(rules, "key_id", lambda _: pytest.fail("looked at"))

    with refused("malformed", match="longer"):
        verify(by_static_keys(), "A" * 1_000_000)


def test_t4_a_payload_is_not_parsed_before_the_signature_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PyJWT reads the payload of the one good token only."""
    parsed = []
    original = jwt.PyJWT._decode_payload

    def spy(self: jwt.PyJWT, decoded: dict[str, Any]) -> Any:
        parsed.append(decoded)
        return original(self, decoded)

    monkeypatch.setattr(jwt.PyJWT, "_decode_payload", spy)
    verifier = by_static_keys()
    header, payload, signature = TOKEN.split(".")
    for token in (
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        KEY.token({**KEY.header, "alg": "none"}),
        NEW_KEY.token(),
        NEW_KEY.token(KEY.header),
    ):
        with pytest.raises(TokenError):
            verify(verifier, token)
    before = len(parsed)
    verify(verifier)

    assert (0, 1) == (before, len(parsed))


def test_t8_a_log_line_stays_one_line(verifier: TokenVerifier) -> None:
    """A key id or subject from outside is escaped and cut."""
    long_kid = "s-" + "a" * 64
    with refused("bad_signature") as unknown:
        verify(verifier, NEW_KEY.token({**NEW_KEY.header, "kid": long_kid}))
    with refused("not_a_guest") as odd:
        verify(verifier, KEY.token(sub="G-1\nERROR " + "a" * 100))

    assert long_kid not in str(unknown.value)
    assert "\n" not in str(odd.value)
    assert "a" * 64 not in str(odd.value)


def test_t8_nothing_of_a_token_is_logged(
    verifier: TokenVerifier, server: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No log line and no message has a part of a token or payload in it."""
    caplog.set_level(logging.DEBUG)
    secret = "sku-secret-4711"
    body = json.dumps(guest_claims(cart=secret)).encode()
    said = []
    for token in (
        KEY.sign(body),
        KEY.sign(body[:-1]),
        KEY.sign(body[:-1] + b',"x":"\xff"}'),
        KEY.sign(json.loads(body) | {"iss": "other"}),
        KEY.sign(body)[:-4] + "AAAA",
        NEW_KEY.sign(body),
    ):
        try:
            said.append(repr(verify(verifier, token)))
        except GuestError as error:
            said.append(repr(error))
        said.append(token[-40:])
    text = caplog.text + "".join(said[::2])

    assert secret not in text
    assert not [tail for tail in said[1::2] if tail in text]


def test_t9_the_second_look_at_a_token_reads_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was verified once is looked up, without decoding it again."""
    verifier = by_static_keys()
    first = verify(verifier)
    monkeypatch.setattr(rules, "key_id", lambda _: pytest.fail("read again"))
    again = verify(verifier)

    assert first == again


def test_t11_each_guest_has_a_payload_of_its_own() -> None:
    """Changing one changes neither another nor what is remembered."""
    verifier = by_static_keys()
    verify(verifier).payload["cart"].append("sku-2")

    assert ["sku-1"] == verify(verifier).payload["cart"]
    assert verify(verifier).payload is not verify(verifier).payload


def test_t11_a_guest_can_be_pickled() -> None:
    """Before its payload was read, and after."""
    guest = verify(by_static_keys())
    unread = pickle.loads(pickle.dumps(guest))
    read = (guest.payload, pickle.loads(pickle.dumps(guest)))

    assert guest == unread == read[1]
    assert ["sku-1"] == unread.payload["cart"]


def test_t11_a_remembered_token_dies_with_its_exp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock is asked at each look."""
    verifier = by_static_keys()
    verify(verifier)
    exp = guest_claims()["exp"]
    monkeypatch.setattr(time, "time", lambda: exp)

    with refused("expired"):
        verify(verifier)


def test_t11_failures_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that was refused is looked at anew."""
    verifier = by_static_keys()
    with monkeypatch.context() as patch:
        patch.setattr(rules, "MAX_LIFETIME_SECONDS", -1_000)
        patch.setattr(rules, "LEEWAY_SECONDS", 0)
        with refused("not_a_guest"):
            verify(verifier)

    assert "G-" == verify(verifier).id[:2]
    assert 1 == verifier._remembered.cache_info().currsize


def test_t11_the_memory_is_bounded() -> None:
    """The number of tokens that are remembered has a limit."""
    assert 1_024 == by_static_keys()._remembered.cache_info().maxsize


def test_t11_another_policy_remembers_for_itself() -> None:
    """The same token and the same keys, and two verdicts."""
    keys = StaticKeys({KEY.kid: KEY.pem})
    accepting = TokenVerifier(keys, issuer=ISSUER)
    other = TokenVerifier(keys, issuer="other")
    strict = TokenVerifier(keys, issuer=ISSUER, reject_issued_before=NOW)

    assert "G-" == verify(accepting).id[:2]
    with refused("wrong_issuer"):
        verify(other)
    with refused("revoked"):
        verify(strict)
    assert "G-" == verify(accepting).id[:2]


def test_t11_one_token_is_not_taken_for_another() -> None:
    """Two tokens with the same beginning, or the same end, are two guests."""
    verifier = by_static_keys()
    ids = [f"G-{number}" for number in range(50)]

    assert ids == [verify(verifier, KEY.token(sub=guest_id)).id for guest_id in ids]
    assert ids == [verify(verifier, KEY.token(sub=guest_id)).id for guest_id in ids]


def test_r_keys_change_while_many_verify(server: KeyServer) -> None:
    """200 verifications during a rotation: each has a guest or a verdict."""
    verifier = TokenVerifier(KeyCache(lambda: [server.url]), issuer=ISSUER)
    verify(verifier)
    both = [TOKEN, NEW_KEY.token()]

    def outcome(number: int) -> str:
        if number == 50:
            server.keys = [NEW_KEY.jwk]
        try:
            return str(verify(verifier, both[number % 2]).id[:2])
        except GuestError as error:
            return error.code

    with ThreadPoolExecutor(20) as pool:
        outcomes = set(pool.map(outcome, range(200)))

    assert outcomes <= {"G-", "bad_signature", "keys_unavailable"}
    assert "G-" in outcomes


@settings(max_examples=200, deadline=None)
@given(
    st.text()
    | st.binary()
    | st.lists(st.sampled_from([*TOKEN.split("."), ".", "=", "é", "e30"])).map("".join)
    | st.tuples(st.integers(0, len(TOKEN) - 1), st.characters()).map(
        lambda change: TOKEN[: change[0]] + change[1] + TOKEN[change[0] + 1 :]
    )
    | st.dictionaries(st.text(), st.text() | st.integers() | st.none()).map(
        lambda claims: KEY.sign({**guest_claims(), **claims})
    )
    | st.binary().map(KEY.sign),
)
def test_t1_no_input_is_a_surprise(token: Any) -> None:
    """Any text and bytes, signed or not, are a guest or a ``TokenError``."""
    try:
        guest = verify(SHARED, token)
    except TokenError:
        return
    assert guest.id.startswith("G-")
    assert isinstance(guest.payload, dict)


SHARED = by_static_keys()


# The verifier alone


@pytest.mark.anyio
async def test_t14_a_verifier_of_fixed_keys_asks_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A good token, and one of an unknown key, are told apart without a thread."""
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("I/O"))
    verifier = GuestVerifier(issuer=ISSUER, public_keys={KEY.kid: KEY.pem})
    guest = await verifier.verify(TOKEN)
    with refused("bad_signature"):
        await verifier.verify(NEW_KEY.token())
    with refused("bad_signature"):
        verifier.verify_sync(NEW_KEY.token())

    assert guest == verifier.verify_sync(TOKEN)


@pytest.mark.anyio
async def test_a_verifier_of_an_address_fetches_once(server: KeyServer) -> None:
    """Not when it is made, but when the first token comes."""
    verifier = GuestVerifier(issuer=ISSUER, jwks_url=server.url, wait_seconds=5)
    before = server.hits
    guest = await verifier.verify(TOKEN)

    assert guest == verifier.verify_sync(TOKEN)
    assert (0, 1) == (before, server.hits)


def test_a_verifier_waits_as_long_as_it_is_told(server: KeyServer) -> None:
    """Then it says that nothing can be said."""
    server.mode = "hang"
    verifier = GuestVerifier(issuer=ISSUER, jwks_url=server.url, wait_seconds=0.05)

    with pytest.raises(KeysUnavailableError, match="did not arrive in time"):
        verifier.verify_sync(TOKEN)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"issuer": ""}, ["issuer"]),
        ({"issuer": None}, ["issuer"]),
        ({"jwks_url": None}, ["one of"]),
        ({"public_keys": {KEY.kid: KEY.pem}}, ["one of"]),
        ({"jwks_url": "core/jwks.json"}, ["jwks_url"]),
        ({"jwks_url": "file:///etc/passwd"}, ["jwks_url"]),
        ({"jwks_url": "https://"}, ["jwks_url"]),
        ({"jwks_url": "http://[::1/"}, ["jwks_url"]),
        ({"jwks_url": "http://core:port/"}, ["jwks_url"]),
        ({"jwks_url": 7}, ["jwks_url"]),
        ({"jwks_url": None, "public_keys": {}}, ["public_keys"]),
        ({"jwks_url": None, "public_keys": {"d-1": "x"}}, ["static"]),
        ({"wait_seconds": 0}, ["wait_seconds"]),
        ({"wait_seconds": -1}, ["wait_seconds"]),
        ({"wait_seconds": True}, ["wait_seconds"]),
        ({"wait_seconds": "1"}, ["wait_seconds"]),
        ({"wait_seconds": float("inf")}, ["wait_seconds"]),
        ({"wait_seconds": float("nan")}, ["wait_seconds"]),
        (
            {"issuer": 1, "jwks_url": "x", "public_keys": {}, "wait_seconds": None},
            ["issuer", "wait_seconds", "one of", "jwks_url", "public_keys"],
        ),
    ],
)
def test_every_fault_of_a_verifier_is_named(
    changes: dict[str, Any], faults: list[str]
) -> None:
    """All of them, each in a sentence, before anything is asked."""
    good: dict[str, Any] = {"issuer": ISSUER, "jwks_url": "https://core/jwks.json"}
    with pytest.raises(ConfigError) as raised:
        GuestVerifier(**{**good, **changes})

    assert len(faults) == len(raised.value.faults)
    for word, fault in zip(faults, raised.value.faults, strict=True):
        assert word in fault
