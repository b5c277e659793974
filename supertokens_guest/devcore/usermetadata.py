"""The user metadata recipe: a JSON object for each user id, known or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .routing import route

if TYPE_CHECKING:
    from .answers import Json
    from .storage import Core


@route("GET /recipe/user/metadata", tenants="app")
def read(core: Core, user_id: str) -> Json:
    """Show it; for an unknown user it is empty."""
    return {"metadata": core.storage.metadata.get(user_id, {})}


@route("PUT /recipe/user/metadata", tenants="app")
def update(core: Core, user_id: str, metadata_update: Json) -> Json:
    """Merge at the top level; null removes a name."""
    merged = {**core.storage.metadata.get(user_id, {}), **metadata_update}
    kept = {name: value for name, value in merged.items() if value is not None}
    core.storage.metadata[user_id] = kept
    return {"metadata": kept}


@route("POST /recipe/user/metadata/remove", tenants="app")
def remove(core: Core, user_id: str) -> Json:
    """Remove it."""
    core.storage.metadata.pop(user_id, None)
    return {}
