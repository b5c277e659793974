"""The codes of passwordless logins: make, list and remove them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .storage import Code, Device, normalised_email, normalised_phone_number

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState

CODE_LIFETIME_MS = 900_000


def create(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code``: begin a login, or send another code for one."""
    email = call.text_or_none("email")
    phone_number = call.text_or_none("phoneNumber")
    device_id = call.text_or_none("deviceId")
    if [email, phone_number, device_id].count(None) != 2:  # noqa: PLR2004 -- one of three
        raise RefusalError(
            400, "Please provide exactly one of email, phoneNumber or deviceId"
        )
    typed = call.text_or_none("userInputCode")
    if typed == "":
        raise RefusalError(400, "userInputCode cannot be an empty string.")
    device = _device(core, email, phone_number, device_id)
    if device is None:
        return {"status": "RESTART_FLOW_ERROR"}
    typed = typed or f"{secrets.randbelow(10**6):06}"
    link = link_code(device, typed)
    if base64_hash(link) in device.codes:
        return {"status": "USER_INPUT_CODE_ALREADY_USED_ERROR"}
    code = Code(str(uuid.uuid4()), core.now_ms())
    device.codes[base64_hash(link)] = code
    return {
        "status": "OK",
        "preAuthSessionId": device.id_hash,
        "deviceId": base64.b64encode(device.id).decode(),
        "userInputCode": typed,
        "linkCode": _base64url(link),
        **_code_json(code),
    }


def listed(core: CoreState, call: Call) -> dict[str, Any]:
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
        value = base64_hash(decoded(value, "deviceId"))
    found = [
        {**device_json(device), "codes": [_code_json(c) for c in device.codes.values()]}
        for device in devices_with(core, name, value)
    ]
    return {"status": "OK", "devices": found}


def remove(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/code/remove``: one code; its login ends with the last."""
    if "codeId" not in call.fields:
        message = "Please provide either 'codeId' or 'preAuthSessionId'"
        raise RefusalError(400, message)
    code_id = call.text("codeId")
    for device in list(core.storage.devices.values()):
        device.codes = {h: c for h, c in device.codes.items() if c.id != code_id}
        if not device.codes:
            del core.storage.devices[device.id_hash]
    return {"status": "OK"}


def remove_all(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup/codes/remove``: all codes of an address or a number."""
    email, phone_number = call.text_or_none("email"), call.text_or_none("phoneNumber")
    if (email is None) == (phone_number is None):
        raise RefusalError(400, "Please provide exactly one of email or phoneNumber")
    name = "phoneNumber" if email is None else "email"
    for device in devices_with(core, name, email or phone_number or ""):
        del core.storage.devices[device.id_hash]
    return {"status": "OK"}


def devices_with(core: CoreState, name: str, value: str) -> list[Device]:
    """Return the logins that have begun for an address, a number or a hashed id."""
    if name == "email":
        value = normalised_email(value)
    if name == "phoneNumber":
        value = normalised_phone_number(value)
    devices = core.storage.devices.values()
    return [d for d in devices if value in {d.id_hash, d.email, d.phone_number}]


def device_json(device: Device) -> dict[str, Any]:
    """Return a login as answers show it."""
    name, value = device.contact
    return {
        "preAuthSessionId": device.id_hash,
        "failedCodeInputAttemptCount": device.failed_attempts,
        name: value,
    }


def link_code(device: Device, user_input_code: str) -> bytes:
    """Return what a link holds: the typed code, bound to the device."""
    key = device.link_code_salt + device.id
    return hmac.digest(key, user_input_code.encode(), "sha256")


def base64_hash(value: bytes) -> str:
    """Return the SHA-256, as the core writes it in ids."""
    return _base64url(hashlib.sha256(value).digest())


def decoded(value: str, name: str) -> bytes:
    """Decode the field *name*, in either alphabet of Base64.

    Raises:
        RefusalError: It is not Base64.
    """
    padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except binascii.Error:
        raise RefusalError(400, f"Input encoding error in {name}") from None


def _device(
    core: CoreState, email: str | None, phone_number: str | None, device_id: str | None
) -> Device | None:
    if device_id is not None:
        return core.storage.devices.get(base64_hash(decoded(device_id, "deviceId")))
    fresh_id = secrets.token_bytes(32)
    device = Device(
        id=fresh_id,
        id_hash=base64_hash(fresh_id),
        link_code_salt=secrets.token_bytes(32),
        email=None if email is None else normalised_email(email),
        phone_number=phone_number and normalised_phone_number(phone_number),
    )
    core.storage.devices[device.id_hash] = device
    return device


def _code_json(code: Code) -> dict[str, Any]:
    return {
        "codeId": code.id,
        "timeCreated": code.created_at_ms,
        "codeLifetime": CODE_LIFETIME_MS,
    }


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
