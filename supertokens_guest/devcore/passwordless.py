"""The passwordless recipe: codes to type in, links to follow, and its users."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .passwordless_codes import (
    CODE_LIFETIME_MS,
    base64_hash,
    decoded,
    device_json,
    devices_with,
    link_code,
)
from .storage import Device, User, normalised_email, normalised_phone_number
from .users import signed_in

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState

RECIPE_ID = "passwordless"
MAX_ATTEMPTS = 5
_RESTART = {"status": "RESTART_FLOW_ERROR"}


def consume_code(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code/consume``: sign up or in; ends the login's codes."""
    device = _checked_device(core, call)
    if isinstance(device, dict):
        return device
    name, value = device.contact
    for other in devices_with(core, name, value):
        del core.storage.devices[other.id_hash]
    user = core.storage.user_of(RECIPE_ID, name, value)
    is_new = user is None
    if user is None:
        user = User(str(uuid.uuid4()), RECIPE_ID, core.now_ms())
        user.email = device.email
        user.phone_number = device.phone_number
        core.storage.add_user(user)
    if user.email is not None:
        core.storage.verified_emails.add((user.id, user.email))
    return {
        "status": "OK",
        "createdNewUser": is_new,
        **signed_in(core, call, user),
        "consumedDevice": device_json(device),
    }


def check_code(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code/check``: as consuming it, without the login."""
    device = _checked_device(core, call)
    if isinstance(device, dict):
        return device
    return {"status": "OK", "consumedDevice": device_json(device)}


def update_user(core: CoreState, call: Call) -> dict[str, Any]:
    """``PUT /recipe/user``: a new e-mail address or phone number; null removes it."""
    user_id = call.text("recipeUserId")
    changes = {
        name: None if call.fields[name] is None else call.text(name)
        for name in ("email", "phoneNumber")
        if name in call.fields
    }
    user = core.storage.users.get(user_id)
    if user is None or user.recipe_id != RECIPE_ID:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    email = changes.get("email", user.email)
    phone_number = changes.get("phoneNumber", user.phone_number)
    if email is None and phone_number is None:
        message = "You cannot clear both email and phone number of a user"
        raise RefusalError(400, message)
    email = email and normalised_email(email)
    phone_number = phone_number and normalised_phone_number(phone_number)
    pairs = (("email", email, "EMAIL"), ("phoneNumber", phone_number, "PHONE_NUMBER"))
    for name, value, word in pairs:
        owner = core.storage.user_of(RECIPE_ID, name, value or "")
        if value is not None and owner not in {None, user}:
            return {"status": f"{word}_ALREADY_EXISTS_ERROR"}
    core.storage.forget_accounts(user)
    user.email, user.phone_number = email, phone_number
    core.storage.add_user(user)
    return {"status": "OK"}


def _checked_device(core: CoreState, call: Call) -> Device | dict[str, Any]:
    """Return the device whose code was given, or what to answer instead."""
    given_hash = call.text("preAuthSessionId").replace("=", "")
    has_link = "linkCode" in call.fields
    typed = {"userInputCode", "deviceId"} & call.fields.keys()
    if bool(typed) is has_link or len(typed) == 1:
        raise RefusalError(
            400, "Please provide exactly one of linkCode or deviceId+userInputCode"
        )
    devices = core.storage.devices
    if has_link:
        code_hash = base64_hash(decoded(call.text("linkCode"), "linkCode"))
        device = next((d for d in devices.values() if code_hash in d.codes), None)
    else:
        device = devices.get(base64_hash(decoded(call.text("deviceId"), "deviceId")))
        if device is not None:
            code_hash = base64_hash(link_code(device, call.text("userInputCode")))
    if device is None:
        return _RESTART
    if device.id_hash != given_hash:
        raise RefusalError(400, "preAuthSessionId and deviceId doesn't match")
    code = device.codes.get(code_hash)
    if code is not None and core.now_ms() - code.created_at_ms <= CODE_LIFETIME_MS:
        return device
    if has_link:
        return _RESTART
    device.failed_attempts += 1
    if device.failed_attempts >= MAX_ATTEMPTS:
        del devices[device.id_hash]
        return _RESTART
    kind = "INCORRECT" if code is None else "EXPIRED"
    return {
        "status": f"{kind}_USER_INPUT_CODE_ERROR",
        "failedCodeInputAttemptCount": device.failed_attempts,
        "maximumCodeInputAttempts": MAX_ATTEMPTS,
    }
