"""A guest becomes a user: one suite of behaviour, run in every framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest import GuestConfig
from supertokens_guest.syncio import create_guest_jwt
from testkit.apps import KINDS
from testkit.sdk import guest_jwt
from testkit.visitors import cleared, headers_bytes, set_cookies, shape

if TYPE_CHECKING:
    import httpx

    from testkit.apps import App, Kind, Told
    from testkit.fixtures import Serve, Visit
    from testkit.visitors import Visitor

CART = {"cart": ["sku-1", "sku-2"], "note": "Grüße"}
FULL_CART = {"cart": [f"9f5562e3-beca-4cab-bd84-93def66f{n:04}" for n in range(38)]}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return each framework in turn."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def app(serve: Serve, kind: Kind, told: Told) -> App:
    """Serve an app that notes what it is told."""
    return serve(told.config(), kind=kind)


class TestLogin:
    """What happens to a guest at the SDK's own routes."""

    def test_sign_up(self, app: App, visit: Visit, told: Told) -> None:
        """A guest who signs up has the data in the session, and is a guest no more."""
        visitor = visit(app)
        visitor.become_guest(CART, "G-1")

        answer = visitor.sign_up()

        assert "OK" == answer.json()["status"]
        assert {"sub": "G-1", **CART} == visitor.me()["guest"]
        assert cleared(answer)
        assert visitor.guest_cookie is None
        assert [answer.json()["user"]["id"]] == [
            transfer.user_id for transfer in told.transfers
        ]
        assert [("issue", None), ("transfer", None)] == told.codes()

    def test_sign_in(self, app: App, visit: Visit, told: Told) -> None:
        """A user who comes back as a guest has the data in the new session."""
        visitor = visit(app)
        visitor.sign_up()
        visitor.sign_out()
        visitor.become_guest(CART, "G-2")

        answer = visitor.sign_in()

        assert "OK" == answer.json()["status"]
        assert {"sub": "G-2", **CART} == visitor.me()["guest"]
        assert cleared(answer)
        assert ["G-2"] == [transfer.guest.id for transfer in told.transfers]

    def test_transfer_names_the_login(self, app: App, visit: Visit, told: Told) -> None:
        """The hook learns who became whom, and what arrived."""
        visitor = visit(app)
        visitor.become_guest(CART, "G-3")

        user_id = visitor.sign_up().json()["user"]["id"]

        (transfer,) = told.transfers
        assert ("G-3", CART) == (transfer.guest.id, transfer.guest.payload)
        assert (user_id, user_id, "public") == (
            transfer.user_id,
            transfer.recipe_user_id,
            transfer.tenant_id,
        )
        assert (CART, {}) == (transfer.moved, transfer.dropped)
        assert transfer.session is not None
        assert user_id == transfer.session.get_user_id()

    def test_wrong_password(self, app: App, visit: Visit, told: Told) -> None:
        """Who does not get in stays a guest."""
        visitor = visit(app)
        token = visitor.become_guest(CART)

        answer = visitor.sign_in()

        assert "WRONG_CREDENTIALS_ERROR" == answer.json()["status"]
        assert "set-cookie" not in answer.headers
        assert token == visitor.guest_cookie
        assert [] == told.transfers

    def test_without_a_guest(self, app: App, visit: Visit, told: Told) -> None:
        """A login without a guest is the SDK's own, to the last header."""
        visitor = visit(app)

        answer = visitor.sign_up()

        assert {"sAccessToken", "sRefreshToken"} == set_cookies(answer)
        assert "guest" not in visitor.me()
        assert ([], []) == (told.transfers, told.events)

    def test_otherwise_unaffected(self, app: App, visit: Visit) -> None:
        """With a guest, only the claim and the cleared cookie are new."""
        guest, nobody = visit(app), visit(app)
        guest.become_guest(CART)

        with_guest, without = shape(guest.sign_up()), shape(nobody.sign_up())

        assert {*without.pop("payload"), "guest"} == set(with_guest.pop("payload"))
        caches = {"cache-control", "vary"}
        assert {*without.pop("headers"), *caches} == set(with_guest.pop("headers"))
        assert without == with_guest

    def test_next_person(self, app: App, visit: Visit) -> None:
        """Whoever uses the browser after a sign-out inherits nothing."""
        visitor = visit(app)
        visitor.become_guest(CART)
        visitor.sign_up()
        visitor.sign_out()

        assert {"guest": None} == visitor.action("who").json()
        visitor.email = "next-" + visitor.email
        visitor.sign_up()

        assert "guest" not in visitor.me()

    def test_header_transport(self, app: App, visit: Visit, told: Told) -> None:
        """A client that keeps its session's tokens itself may still be a guest."""
        visitor = visit(app, auth_mode=None)
        visitor.become_guest(CART, "G-4")

        answer = visitor.sign_up()

        assert cleared(answer)
        token = answer.headers["st-access-token"]
        bearer = {"authorization": f"Bearer {token}"}
        payload = visitor.http.post(f"{app.prefix}/me", headers=bearer).json()
        assert {"sub": "G-4", **CART} == payload["guest"]
        assert 1 == len(told.transfers)


class TestConfiguration:
    """Where the data arrives, and how much of it."""

    def test_top_level(
        self, serve: Serve, visit: Visit, kind: Kind, told: Told
    ) -> None:
        """Without a namespace, claims arrive as in the SuperTokens documentation."""
        config = GuestConfig(namespace=None, on_transfer=told.on_transfer)
        visitor = visit(serve(config, kind=kind))
        visitor.become_guest(CART)

        answer = visitor.sign_up()

        payload = visitor.me()
        assert CART == {name: payload.get(name) for name in CART}
        assert answer.json()["user"]["id"] == payload["sub"]
        assert cleared(answer)
        assert [CART] == [transfer.moved for transfer in told.transfers]

    def test_session_data(
        self, serve: Serve, visit: Visit, kind: Kind, told: Told
    ) -> None:
        """The data can stay on the server: no header carries it then."""
        config = GuestConfig(
            transfer_to="session_data_in_database", on_transfer=told.on_transfer
        )
        visitor = visit(serve(config, kind=kind))
        visitor.become_guest(CART, "G-5")

        answer = visitor.login(data={"app": True})

        assert "guest" not in visitor.me()
        guest = {"sub": "G-5", **CART}
        assert {"app": True, "guest": guest} == visitor.action("data").json()
        assert {"data": guest} == visitor.action("taken").json()
        assert cleared(answer)
        (transfer,) = told.transfers
        assert (CART, True) == (transfer.moved, transfer.in_database)

    def test_other_cookie_name(self, serve: Serve, visit: Visit, kind: Kind) -> None:
        """The name is the app's choice; a cookie of the default name is not ours."""
        visitor = visit(serve(GuestConfig(cookie_name="shop-guest"), kind=kind))
        token = visitor.become_guest(CART, "G-6")
        assert "guest" not in _logged_in(visitor.login("u-6"), visitor)

        visitor.keep_cookie(token, name="shop-guest")
        answer = visitor.login("u-6")

        assert {"sub": "G-6", **CART} == visitor.me()["guest"]
        assert cleared(answer, "shop-guest")
        assert token == visitor.guest_cookie


class TestLeftAlone:
    """Sessions that take nothing from the guest of their request."""

    def test_impersonation(self, app: App, visit: Visit, told: Told) -> None:
        """Support staff in a user's name keep their own guest."""
        visitor = visit(app)
        token = visitor.become_guest(CART)

        visitor.login(payload={"isImpersonation": True})

        assert "guest" not in visitor.me()
        assert token == visitor.guest_cookie
        assert [] == told.transfers

    def test_marked(self, app: App, visit: Visit, told: Told) -> None:
        """A session made with ``without_guest_transfer`` takes nothing."""
        visitor = visit(app)
        token = visitor.become_guest(CART)

        visitor.login(marked=True)

        assert "guest" not in visitor.me()
        assert token == visitor.guest_cookie
        assert [] == told.transfers

    def test_claim_of_the_login(self, app: App, visit: Visit, told: Told) -> None:
        """A claim that the login brings under the namespace is not replaced."""
        visitor = visit(app)
        visitor.become_guest(CART)

        answer = visitor.login(payload={"guest": "mine"})

        assert "mine" == visitor.me()["guest"]
        assert [dict.fromkeys(CART, "namespace_taken")] == [
            transfer.dropped for transfer in told.transfers
        ]
        assert cleared(answer)  # the hook had everything


class TestOverflow:
    """Claims that would take the login's headers beyond what a proxy holds."""

    def test_all_together(self, app: App, visit: Visit, told: Told) -> None:
        """They are in the session's data; the token tells where, and of whom."""
        visitor = visit(app)
        visitor.become_guest(FULL_CART, "G-5")

        answer = visitor.sign_up()

        guest = {"sub": "G-5", **FULL_CART}
        assert {"sub": "G-5", "sg-more": True} == visitor.me()["guest"]
        assert {"guest": guest} == visitor.action("data").json()
        assert {"data": guest} == visitor.action("taken").json()
        assert cleared(answer)
        (transfer,) = told.transfers
        assert (FULL_CART, True, {}) == (
            transfer.moved,
            transfer.in_database,
            transfer.dropped,
        )
        assert headers_bytes(answer) < 4_000
        assert headers_bytes(visitor.refresh()) < 4_000

    def test_later(self, app: App, visit: Visit, told: Told) -> None:
        """A transfer after the login sends two access tokens, and fits as well."""
        told.failures = 1
        visitor = visit(app)
        visitor.become_guest(FULL_CART, "G-5")
        visitor.login()

        answer = visitor.action("transfer")

        assert FULL_CART == answer.json()["transfer"]["moved"]
        assert headers_bytes(answer) < 4_000
        assert {"data": {"sub": "G-5", **FULL_CART}} == visitor.action("taken").json()

    def test_nobodys(self, app: App, visit: Visit) -> None:
        """Who was no guest has taken nothing over."""
        visitor = visit(app)
        visitor.login(payload={"guest": "mine"}, data={"guest": {"sub": "G-1"}})

        assert {"data": None} == visitor.action("taken").json()


class TestLater:
    """The transfer into a session that is already there."""

    def test_moves_and_clears(self, app: App, visit: Visit, told: Told) -> None:
        """What a login left behind can follow, once; one access token is sent."""
        told.failures = 1
        visitor = visit(app)
        token = visitor.become_guest(CART, "G-7")
        visitor.login("u-7")
        assert token == visitor.guest_cookie
        assert isinstance(visitor.me()["sg-waiting"], str)

        answer = visitor.action("transfer")

        assert {
            "guest": "G-7",
            "user": "u-7",
            "moved": CART,
            "in_database": False,
            "dropped": {},
        } == answer.json()["transfer"]
        payload = visitor.me()
        assert {"sub": "G-7", **CART} == payload["guest"]
        assert "sg-waiting" not in payload
        assert cleared(answer)
        tokens = answer.headers.get_list("set-cookie")
        assert 1 == sum(line.startswith("sAccessToken=") for line in tokens)
        assert "private, no-store" == answer.headers["cache-control"]
        assert "Cookie" in answer.headers["vary"]
        assert 1 == len(told.transfers)
        assert {"transfer": None} == visitor.action("transfer").json()

    def test_replayed_token(self, app: App, visit: Visit, told: Told) -> None:
        """A token that somebody kept is not what the login left waiting."""
        visitor = visit(app)
        token = visitor.become_guest(CART, "G-8")
        visitor.login()
        visitor.keep_cookie(token)

        answer = visitor.action("transfer")

        assert {"transfer": None} == answer.json()
        assert token == visitor.guest_cookie
        assert 1 == len(told.transfers)

    def test_other_guest(self, app: App, visit: Visit, told: Told) -> None:
        """Nor is another guest, who came since."""
        told.failures = 1
        visitor = visit(app)
        visitor.become_guest(CART, "G-8")
        visitor.login()
        token = create_guest_jwt({"cart": ["planted"]}, "G-other")
        visitor.keep_cookie(token)

        assert {"transfer": None} == visitor.action("transfer").json()
        assert token == visitor.guest_cookie
        assert [] == told.transfers

    def test_session_data(
        self, serve: Serve, visit: Visit, kind: Kind, told: Told
    ) -> None:
        """What the core already keeps for the session stays."""
        told.failures = 1
        config = told.config(transfer_to="session_data_in_database")
        visitor = visit(serve(config, kind=kind))
        visitor.become_guest(CART, "G-9")
        visitor.login(data={"app": True})

        answer = visitor.action("transfer")

        guest = {"sub": "G-9", **CART}
        assert {"app": True, "guest": guest} == visitor.action("data").json()
        assert cleared(answer)

    def test_swapped_session(self, app: App, visit: Visit, told: Told) -> None:
        """A session that takes another's place for the same person has its guest."""
        visitor = visit(app)
        visitor.become_guest(CART, "G-10")
        visitor.login()

        visitor.action("again")

        assert {"sub": "G-10", **CART} == visitor.me()["guest"]
        assert 1 == len(told.transfers)

    def test_swapped_session_still_waits(
        self, app: App, visit: Visit, told: Told
    ) -> None:
        """The guest that the first one left waiting is the second one's, too."""
        told.failures = 1
        visitor = visit(app)
        visitor.become_guest(CART, "G-10")
        visitor.login()

        visitor.action("again")

        assert cleared(visitor.action("transfer"))
        assert ["G-10"] == [transfer.guest.id for transfer in told.transfers]


class TestDuplicates:
    """Several guest cookies in one request, which frameworks read differently."""

    @pytest.mark.parametrize("headers", [1, 2])
    def test_newest_of_one_guest(
        self, app: App, visit: Visit, told: Told, headers: int
    ) -> None:
        """Of one guest's tokens the newest counts, wherever it stands."""
        visitor = visit(app)
        issued_at = 1_700_000_000
        tokens = [
            guest_jwt(app.core, "G-11", {"n": n}, iat=issued_at + n) for n in (1, 3, 2)
        ]

        answer = visitor.http.post(
            f"{app.prefix}/login",
            json={"user": "u-11"},
            headers=_cookie_headers(tokens, headers),
        )

        assert cleared(answer)
        assert [{"n": 3}] == [transfer.moved for transfer in told.transfers]

    @pytest.mark.parametrize("headers", [1, 2])
    def test_two_guests(self, app: App, visit: Visit, told: Told, headers: int) -> None:
        """Of two guests somebody planted one, so neither counts."""
        visitor = visit(app)
        tokens = [guest_jwt(app.core, guest_id, {}) for guest_id in ("G-12", "G-13")]
        cookies = _cookie_headers(tokens, headers)

        who = visitor.http.post(f"{app.prefix}/who", json={}, headers=cookies)
        answer = visitor.http.post(
            f"{app.prefix}/login", json={"user": "u-12"}, headers=cookies
        )

        assert {"guest": None} == who.json()
        assert 200 == answer.status_code
        assert not cleared(answer)
        assert [] == told.transfers
        assert ("transfer-skipped", "ambiguous") in told.codes()

    @pytest.mark.parametrize("headers", [1, 2])
    def test_junk_beside_the_guest(
        self, app: App, visit: Visit, told: Told, headers: int
    ) -> None:
        """A bad value does not hide the good one."""
        visitor = visit(app)
        tokens = ["junk", guest_jwt(app.core, "G-14", {"n": 1})]

        visitor.http.post(
            f"{app.prefix}/login",
            json={"user": "u-14"},
            headers=_cookie_headers(tokens, headers),
        )

        assert [{"n": 1}] == [transfer.moved for transfer in told.transfers]


class TestEnd:
    """What ends a session ends the guest that was kept for its user."""

    def test_sign_out(self, app: App, visit: Visit) -> None:
        """At the SDK's own route."""
        visitor = visit(app)
        visitor.become_guest(CART)
        visitor.login(marked=True)

        answer = visitor.sign_out()

        assert {"status": "OK"} == answer.json()
        assert cleared(answer)
        assert visitor.guest_cookie is None

    def test_own_route(self, app: App, visit: Visit) -> None:
        """And at one of the app's, which knows nothing of user contexts."""
        visitor = visit(app)
        visitor.become_guest(CART)
        visitor.login(marked=True)

        answer = visitor.action("end")

        assert visitor.cookie("sAccessToken") is None
        assert cleared(answer)

    def test_failed_refresh(self, app: App, visit: Visit) -> None:
        """When the core does not know the session any more."""
        visitor = visit(app)
        visitor.become_guest(CART)
        visitor.login(marked=True)
        handle = visitor.me()["sessionHandle"]
        app.core.call("POST", "/recipe/session/remove", sessionHandles=[handle])

        answer = visitor.refresh()

        assert 401 == answer.status_code
        assert cleared(answer)

    def test_without_a_guest(self, app: App, visit: Visit) -> None:
        """Without a guest cookie, a sign-out is the SDK's own."""
        visitor = visit(app)
        visitor.sign_up()

        assert "jwt" not in set_cookies(visitor.sign_out())


def _logged_in(answer: httpx.Response, visitor: Visitor) -> dict[str, Any]:
    """Return the payload of the session that *answer* began."""
    answer.raise_for_status()
    return visitor.me()


def _cookie_headers(tokens: list[str], headers: int) -> list[tuple[str, str]]:
    """Return these guest cookies in one ``Cookie`` header, or in *headers* of them."""
    pairs = [f"jwt={token}" for token in tokens]
    mode = ("st-auth-mode", "cookie")
    if headers == 1:
        return [mode, ("cookie", "; ".join(["theme=dark", *pairs]))]
    return [mode, *(("cookie", pair) for pair in pairs)]
