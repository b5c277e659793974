"""The shop: SuperTokens, three views and their addresses.

With the environment's SuperTokens core or one of its own, as ``python -m demo``. Users'
carts are forgotten at the end.
"""
# mypy: disable-error-code="misc, import-untyped, untyped-decorator"
# Django has no types of its own.

from __future__ import annotations

import atexit
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST
from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.recipe import emailpassword, session

from demo.carts import Carts
from demo.cores import available_core
from demo.products import MAX_QUANTITY, PRODUCTS, cart_of
from supertokens_guest import GuestConfig, guest_override
from supertokens_guest.django import verify_visitor
from supertokens_guest.syncio import merge_into_guest_payload

if TYPE_CHECKING:
    from django.http import HttpRequest

    from supertokens_guest import GuestTransfer, Visitor

# Browsers keep cookies by host and not by port, so each demo has a name of its own.
ADDRESS, COOKIE = "http://127.0.0.1:8000", "django-guest"
PAGE = Path(__file__).parents[1] / "static" / "small.html"

stack = ExitStack()
atexit.register(stack.close)
core = stack.enter_context(available_core())
carts = Carts(Path(stack.enter_context(TemporaryDirectory()), "carts.db"))


def save_cart(transfer: GuestTransfer) -> None:
    """Give the guest's cart to the user: once in a guest's life, the first user wins.

    Called when the answer is made, in the request's own thread, where Django's ORM
    works as it does in a view.
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
    framework="django",
    recipe_list=[emailpassword.init(), session.init(override=override)],
    mode="wsgi",
    telemetry=False,
)


@require_GET
def page(_request: HttpRequest) -> HttpResponse:
    """Return the page, and with it a guest."""
    return HttpResponse(PAGE.read_text())


@require_GET
@verify_visitor()
def show_cart(request: Any) -> JsonResponse:
    """Say who is visiting, and what is in the cart."""
    visitor: Visitor = request.visitor
    who = "user" if visitor.guest is None else "guest"
    return JsonResponse({"who": f"{who} {visitor.id}", "cart": _cart(visitor)})


@require_POST
@verify_visitor()
def add_to_cart(request: Any, product_id: str) -> JsonResponse:
    """Put one of a product into the cart.

    The guard refuses what another site's page sends, so no CSRF token is needed.
    """
    if product_id not in PRODUCTS:
        raise Http404
    visitor: Visitor = request.visitor
    cart = _cart(visitor)
    cart[product_id] = min(cart.get(product_id, 0) + 1, MAX_QUANTITY)
    if visitor.guest is None:
        carts.set_quantity(visitor.id, product_id, cart[product_id])
    else:
        merge_into_guest_payload(request, {"cart": cart})
    return JsonResponse({"cart": cart})


def _cart(visitor: Visitor) -> dict[str, int]:
    if visitor.guest is None:
        return carts.cart(visitor.id)
    return cart_of(visitor.guest.payload)


urlpatterns = [
    path("", page),
    path("cart", show_cart),
    path("cart/<product_id>", add_to_cart),
]
