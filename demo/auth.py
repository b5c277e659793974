"""Sets SuperTokens up: how visitors sign in, and what becomes of a guest who does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.recipe import emailpassword, session

from demo.products import cart_of
from supertokens_guest import GuestConfig, guest_override

if TYPE_CHECKING:
    from demo.carts import Carts
    from demo.cores import Core
    from supertokens_guest import GuestTransfer


def guest_config(carts: Carts) -> GuestConfig:
    """Return how this shop's guests are.

    Everything else is left at its default: each visitor is a guest, and at the login
    the guest's claims also enter the session, where the page shows them. A shop that
    needs them in its database alone would say ``transfer=()``.
    """

    async def save_cart(transfer: GuestTransfer) -> None:
        """Give the guest's cart to the user; called at each login that had a guest.

        In a thread, because the database waits for the disk and perhaps for another
        writer, and the event loop must not. If it raises, the login succeeds all the
        same and the guest keeps its cookie: the guard of a later request tries again.
        """
        await run_in_threadpool(
            carts.take_over,
            transfer.guest.id,
            transfer.user_id,
            cart_of(transfer.guest.payload),
        )

    return GuestConfig(
        # Cookies know no ports. Another app on this machine may have a "jwt" too.
        cookie_name="shop-guest",
        on_transfer=save_cart,
    )


def init_supertokens(address: str, core: Core, carts: Carts) -> None:
    """Initialise the SDK: once in a process, before the first request.

    Args:
        address: Where browsers find the shop, such as ``http://127.0.0.1:8000``. The
            page and the API have the same one, so all cookies are ``SameSite=Lax``.
        core: The SuperTokens core.
        carts: Where users' carts are kept.
    """
    override = guest_override(guest_config(carts))
    init(
        app_info=InputAppInfo(
            app_name="Guest shop", api_domain=address, website_domain=address
        ),
        supertokens_config=SupertokensConfig(
            connection_uri=core.url, api_key=core.api_key
        ),
        framework="fastapi",
        recipe_list=[
            emailpassword.init(),
            session.init(override=session.InputOverrideConfig(functions=override)),
        ],
        mode="asgi",
        telemetry=False,
    )
