"""The user metadata recipe: a JSON object for each user id, known or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState


def read(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/user/metadata``."""
    kept = core.storage.metadata.get(call.parameter("userId"), {})
    return {"metadata": kept, "status": "OK"}


def update(core: CoreState, call: Call) -> dict[str, Any]:
    """``PUT /recipe/user/metadata``: a merge at the top level; null removes a name."""
    user_id = call.text("userId")
    changes = call.mapping("metadataUpdate")
    merged = {**core.storage.metadata.get(user_id, {}), **changes}
    kept = {name: value for name, value in merged.items() if value is not None}
    core.storage.metadata[user_id] = kept
    return {"metadata": kept, "status": "OK"}


def remove(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/metadata/remove``."""
    core.storage.metadata.pop(call.text("userId"), None)
    return {"status": "OK"}
