"""A guest shop in Flask, on a page: ``flask --app demo.flask_app run``.

With the environment's SuperTokens core or one of its own, as ``python -m demo``. Users'
carts are forgotten at the end.
"""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, g, request
from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.framework.flask import Middleware
from supertokens_python.recipe import emailpassword, session

from demo.carts import Carts
from demo.cores import available_core
from demo.products import MAX_QUANTITY, PRODUCTS, cart_of
from supertokens_guest import GuestConfig, guest_override
from supertokens_guest.flask import GuestMiddleware, verify_visitor
from supertokens_guest.syncio import merge_into_guest_payload

if TYPE_CHECKING:
    from supertokens_guest import GuestTransfer, Visitor

# Browsers keep cookies by host and not by port, so each demo has a name of its own.
ADDRESS, COOKIE = "http://127.0.0.1:5000", "flask-guest"
PAGE = Path(__file__).with_name("static") / "small.html"

stack = ExitStack()
atexit.register(stack.close)
core = stack.enter_context(available_core())
carts = Carts(Path(stack.enter_context(TemporaryDirectory()), "carts.db"))


def save_cart(transfer: GuestTransfer) -> None:
    """Give the guest's cart to the user: once in a guest's life, the first user wins.

    Called when the answer is made, in the request's own thread, where an ORM would work
    as it does in a view.
    """
    cart = cart_of(transfer.guest.payload)
    carts.take_over(transfer.guest.id, transfer.user_id, cart)


# transfer=(): the cart goes to the database alone, not into the session as well.
guests = GuestConfig(cookie_name=COOKIE, on_transfer=save_cart, transfer=())
override = session.InputOverrideConfig(functions=guest_override(guests))
init(
    app_info=InputAppInfo(
        app_name="Guest shop", api_domain=ADDRESS, website_domain=ADDRESS
    ),
    supertokens_config=SupertokensConfig(connection_uri=core.url, api_key=core.api_key),
    framework="flask",
    recipe_list=[emailpassword.init(), session.init(override=override)],
    mode="wsgi",
    telemetry=False,
)

app = Flask(__name__)
Middleware(app)
GuestMiddleware(app)


@app.get("/")
def page() -> str:
    """Return the page, and with it a guest."""
    return PAGE.read_text()


@app.get("/cart")
@verify_visitor()
def show_cart() -> dict[str, Any]:
    """Say who is visiting, and what is in the cart."""
    visitor: Visitor = g.visitor
    who = "user" if visitor.guest is None else "guest"
    return {"who": f"{who} {visitor.id}", "cart": _cart(visitor)}


@app.post("/cart/<product_id>")
@verify_visitor()
def add_to_cart(product_id: str) -> dict[str, Any]:
    """Put one of a product into the cart."""
    if product_id not in PRODUCTS:
        abort(404)
    visitor: Visitor = g.visitor
    cart = _cart(visitor)
    cart[product_id] = min(cart.get(product_id, 0) + 1, MAX_QUANTITY)
    if visitor.guest is None:
        carts.set_quantity(visitor.id, product_id, cart[product_id])
    else:
        merge_into_guest_payload(request, {"cart": cart})
    return {"cart": cart}


def _cart(visitor: Visitor) -> dict[str, int]:
    if visitor.guest is None:
        return carts.cart(visitor.id)
    return cart_of(visitor.guest.payload)
