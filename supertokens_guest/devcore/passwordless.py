"""The passwordless recipe: codes to type in, links to follow."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .storage import Code, Device, User, normalised_email
from .users import signed_in

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState

RECIPE_ID = "passwordless"
CODE_LIFETIME_MS = 900_000
MAX_ATTEMPTS = 5
_RESTART = {"status": "RESTART_FLOW_ERROR"}
_ONE_WAY = "Please provide exactly one of linkCode or deviceId+userInputCode"


def create_code(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code``: begin a login, or send another code for one."""
    email = call.text_or_none("email")
    phone_number = call.text_or_none("phoneNumber")
    device_id = call.text_or_none("deviceId")
    if [email, phone_number, device_id].count(None) != 2:  # noqa: PLR2004 -- one of three
        raise RefusalError(
            400, "Please provide exactly one of email, phoneNumber or deviceId"
        )
    user_input_code = call.text_or_none("userInputCode")
    if user_input_code == "":
        raise RefusalError(400, "userInputCode cannot be an empty string.")
    if device_id is not None:
        device = core.storage.devices.get(_hash(_decode(device_id, "deviceId")))
        if device is None:
            return _RESTART
    else:
        device = _new_device(core, email, phone_number)
    typed = user_input_code or f"{secrets.randbelow(10**6):06}"
    link_code = _link_code(device, typed)
    if _hash(link_code) in device.codes:
        return {"status": "USER_INPUT_CODE_ALREADY_USED_ERROR"}
    code = Code(str(uuid.uuid4()), core.now_ms())
    device.codes[_hash(link_code)] = code
    return {
        "status": "OK",
        "preAuthSessionId": device.id_hash,
        "codeId": code.id,
        "deviceId": base64.b64encode(device.id).decode(),
        "userInputCode": typed,
        "linkCode": _base64url(link_code),
        "timeCreated": code.created_at_ms,
        "codeLifetime": CODE_LIFETIME_MS,
    }


def consume_code(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code/consume``: sign up or in; ends the login's codes."""
    device = _checked_device(core, call)
    if isinstance(device, dict):
        return device
    key = ("email", device.email) if device.email else ("phoneNumber", device.phone_number)
    for other in _devices_with(core, *key):
        del core.storage.devices[other.id_hash]
    user = core.storage.user_of(RECIPE_ID, *(part or "" for part in key))
    is_new = user is None
    if user is None:
        user = User(
            id=str(uuid.uuid4()),
            recipe_id=RECIPE_ID,
            joined_at_ms=core.now_ms(),
            email=device.email,
            phone_number=device.phone_number,
        )
        core.storage.add_user(user)
    if user.email is not None:
        core.storage.verified_emails.add((user.id, user.email))
    return {
        "status": "OK",
        "createdNewUser": is_new,
        **signed_in(core, call, user),
        "consumedDevice": _device_json(device),
    }


def check_code(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code/check``: as consuming it, without the login."""
    device = _checked_device(core, call)
    if isinstance(device, dict):
        return device
    return {"status": "OK", "consumedDevice": _device_json(device)}


def codes(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/signinup/codes``: the logins that have begun."""
    names = ("email", "phoneNumber", "deviceId", "preAuthSessionId")
    given = [(name, call.query[name]) for name in names if name in call.query]
    if len(given) != 1:
        raise RefusalError(
            400,
            "Please provide exactly one of email, phoneNumber, deviceId or "
            "preAuthSessionId",
        )
    name, value = given[0]
    if name == "deviceId":
        value = _hash(_decode(value, "deviceId"))
    found = [
        {
            **_device_json(device),
            "codes": [
                {
                    "codeId": code.id,
                    "timeCreated": code.created_at_ms,
                    "codeLifetime": CODE_LIFETIME_MS,
                }
                for code in device.codes.values()
            ],
        }
        for device in _devices_with(core, name, value)
    ]
    return {"status": "OK", "devices": found}


def remove_code(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code/remove``: one code; its login ends with the last."""
    code_id = call.text("codeId")
    for device in list(core.storage.devices.values()):
        device.codes = {h: c for h, c in device.codes.items() if c.id != code_id}
        if not device.codes:
            del core.storage.devices[device.id_hash]
    return {"status": "OK"}


def remove_codes(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/codes/remove``: all codes of an address or a number."""
    email, phone_number = call.text_or_none("email"), call.text_or_none("phoneNumber")
    if (email is None) == (phone_number is None):
        raise RefusalError(400, "Please provide exactly one of email or phoneNumber")
    name = "phoneNumber" if email is None else "email"
    for device in _devices_with(core, name, email or phone_number):
        del core.storage.devices[device.id_hash]
    return {"status": "OK"}


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
    email = None if email is None else normalised_email(email)
    phone_number = changes.get("phoneNumber", user.phone_number)
    taken = (("email", email, "EMAIL"), ("phoneNumber", phone_number, "PHONE_NUMBER"))
    for name, value, word in taken:
        if value is not None and core.storage.user_of(RECIPE_ID, name, value) not in {
            None,
            user,
        }:
            return {"status": f"{word}_ALREADY_EXISTS_ERROR"}
    core.storage.forget_accounts(user)
    user.email, user.phone_number = email, phone_number
    core.storage.add_user(user)
    return {"status": "OK"}


def _checked_device(core: CoreState, call: Call) -> Device | dict[str, Any]:
    """Return the device whose code was given, or what to answer instead."""
    given_hash = call.text("preAuthSessionId").replace("=", "")
    has_link = "linkCode" in call.fields
    if has_link == ("userInputCode" in call.fields and "deviceId" in call.fields):
        raise RefusalError(400, _ONE_WAY)
    devices = core.storage.devices
    if has_link:
        code_hash = _hash(_decode(call.text("linkCode"), "linkCode"))
        device = next((d for d in devices.values() if code_hash in d.codes), None)
    else:
        device = devices.get(_hash(_decode(call.text("deviceId"), "deviceId")))
        if device is not None:
            code_hash = _hash(_link_code(device, call.text("userInputCode")))
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


def _new_device(
    core: CoreState, email: str | None, phone_number: str | None
) -> Device:
    device_id = secrets.token_bytes(32)
    device = Device(
        id=device_id,
        id_hash=_hash(device_id),
        link_code_salt=secrets.token_bytes(32),
        email=None if email is None else normalised_email(email),
        phone_number=None if phone_number is None else _normalised_phone(phone_number),
    )
    core.storage.devices[device.id_hash] = device
    return device


def _devices_with(core: CoreState, name: str, value: str | None) -> list[Device]:
    attribute = {"email": "email", "phoneNumber": "phone_number"}.get(name, "id_hash")
    if value is not None and name == "email":
        value = normalised_email(value)
    devices = core.storage.devices.values()
    return [device for device in devices if getattr(device, attribute) == value]


def _device_json(device: Device) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "preAuthSessionId": device.id_hash,
        "failedCodeInputAttemptCount": device.failed_attempts,
    }
    if device.email is not None:
        shown["email"] = device.email
    if device.phone_number is not None:
        shown["phoneNumber"] = device.phone_number
    return shown


def _link_code(device: Device, user_input_code: str) -> bytes:
    key = device.link_code_salt + device.id
    return hmac.digest(key, user_input_code.encode(), "sha256")


def _hash(value: bytes) -> str:
    return _base64url(hashlib.sha256(value).digest())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(value: str, name: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(value.replace("+", "-").replace("/", "_") + "==")
    except binascii.Error:
        raise RefusalError(400, f"Input encoding error in {name}") from None


def _normalised_phone(phone_number: str) -> str:
    return re.sub(r"[\s().-]", "", phone_number)
