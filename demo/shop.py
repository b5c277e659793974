"""The web app: one page, the cart, and SuperTokens' own routes under ``/auth``.

Every visitor is a guest until login. A guest's cart is the payload of the guest's JWT,
a user's is in the database.
"""

# No "from __future__ import annotations": FastAPI reads the annotations.
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from supertokens_python.framework.fastapi import get_middleware

from demo.carts import Carts
from demo.one_address import OneAddress
from demo.products import MAX_QUANTITY, PRODUCTS, Product, cart_of
from supertokens_guest import Visitor
from supertokens_guest.asyncio import (
    get_guest,
    get_guest_data,
    merge_into_guest_payload,
)
from supertokens_guest.fastapi import CurrentVisitor, GuestMiddleware

_STATIC = Path(__file__).with_name("static")
_README = Path(__file__).parents[1] / "README.md"


class Visit(BaseModel):
    """Who is looking at the page, and where the cart is.

    Attributes:
        id: The guest's or the user's id.
        is_guest: Which of the two.
        cart: Quantities by product id.
        cookie: What the guest cookie holds; ``None`` when there is none.
        session: What the login session took over from a guest.
    """

    id: str
    is_guest: bool
    cart: dict[str, int]
    cookie: dict[str, Any] | None = None
    session: dict[str, Any] | None = None


class Wish(BaseModel):
    """How many of a product the cart shall hold.

    The number itself and not "one more", so that asking twice is asking once: the page
    repeats a request after it refreshed its session.
    """

    quantity: int = Field(ge=0, le=MAX_QUANTITY, strict=True)


def users_carts(request: Request) -> Carts:
    """Return the database that the app was made with."""
    carts: Carts = request.app.state.carts
    return carts


def private(response: Response) -> None:
    """Keep what is one visitor's out of every cache."""
    response.headers["Cache-Control"] = "private, no-store"


UsersCarts = Annotated[Carts, Depends(users_carts)]
router = APIRouter(prefix="/api/cart", dependencies=[Depends(private)])


@router.get("")
async def show_cart(
    request: Request, visitor: CurrentVisitor, carts: UsersCarts
) -> Visit:
    """Return the visitor's cart."""
    return await _visit(request, visitor, carts)


@router.put("/{product_id}")
async def change_cart(
    request: Request,
    product_id: str,
    wish: Wish,
    visitor: CurrentVisitor,
    carts: UsersCarts,
) -> Visit:
    """Have the visitor's cart hold so many of a product; 0 takes it out."""
    if product_id not in PRODUCTS:
        raise HTTPException(404, "There is no such product.")
    if visitor.guest is None:
        await run_in_threadpool(
            carts.set_quantity, visitor.id, product_id, wish.quantity
        )
    else:
        cart = {**cart_of(visitor.guest.payload), product_id: wish.quantity}
        kept = {name: quantity for name, quantity in cart.items() if quantity > 0}
        # If the core does not answer, the middleware makes a 503 of what this raises,
        # and the old cookie stays as it is.
        await merge_into_guest_payload(request, {"cart": kept})
    return await _visit(request, visitor, carts)


async def _visit(request: Request, visitor: Visitor, carts: Carts) -> Visit:
    # As this request leaves it. A user has one only while it waits for its transfer.
    guest = await get_guest(request)
    cookie = None if guest is None else {"sub": guest.id, **guest.payload}
    if visitor.session is None:
        cart = cart_of(cookie or {})
        return Visit(id=visitor.id, is_guest=True, cart=cart, cookie=cookie)
    return Visit(
        id=visitor.id,
        is_guest=False,
        cart=await run_in_threadpool(carts.cart, visitor.id),
        cookie=cookie,
        session=await get_guest_data(visitor.session),
    )


def create_shop(address: str, carts: Carts) -> FastAPI:
    """Return the app; SuperTokens must have been initialised.

    Args:
        address: Where browsers find it, such as ``http://127.0.0.1:8000``.
        carts: Where users' carts are kept.
    """
    app = FastAPI(title="Guest shop")
    app.state.carts = carts
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")

    @app.get("/api/products")
    def list_products() -> list[Product]:
        return list(PRODUCTS.values())

    @app.get("/readme", include_in_schema=False)
    def readme() -> FileResponse:
        return FileResponse(_README, media_type="text/plain; charset=utf-8")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(
            _STATIC / "index.html",
            headers={
                # Every visit asks whether the page has changed, so that a new page
                # never meets an old script. Private, so that it may bring a guest.
                "Cache-Control": "private, no-cache",
                # Nothing from elsewhere, no script in the page itself.
                "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
            },
        )

    app.add_middleware(get_middleware())
    app.add_middleware(GuestMiddleware)
    app.add_middleware(OneAddress, address=address)
    return app
