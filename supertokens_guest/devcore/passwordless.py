"""The passwordless recipe: codes to type in, links to follow, and its users."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from .answers import outcome, refusal
from .routing import route
from .storage import Code, Device, User, normalised_email, normalised_phone_number
from .users import signed_in

if TYPE_CHECKING:
    from .answers import Json
    from .storage import Core

RECIPE_ID = "passwordless"
CODE_LIFETIME_MS = 900_000
MAX_ATTEMPTS = 5


@route("POST /recipe/signinup/code")
def create_code(
    core: Core,
    *,
    email: str | None = None,
    phone_number: str | None = None,
    device_id: str | None = None,
    user_input_code: str | None = None,
) -> Json:
    """Begin a login, or make another code for one."""
    _check_one(email=email, phoneNumber=phone_number, deviceId=device_id)
    if device_id is None:
        device = Device(
            id=base64.b64encode(secrets.token_bytes(32)).decode(),
            pre_auth_session_id=secrets.token_urlsafe(),
            email=email and normalised_email(email),
            phone_number=phone_number and normalised_phone_number(phone_number),
        )
        core.storage.devices[device.pre_auth_session_id] = device
    elif found := _devices_with(core, id=device_id):
        device = found[0]
    else:
        return {"status": "RESTART_FLOW_ERROR"}
    typed = user_input_code or f"{secrets.randbelow(10**6):06}"
    if any(code.user_input_code == typed for code in device.codes):
        return {"status": "USER_INPUT_CODE_ALREADY_USED_ERROR"}
    code = Code(typed, core.now_ms())
    device.codes.append(code)
    return {
        "status": "OK",
        "preAuthSessionId": device.pre_auth_session_id,
        "deviceId": device.id,
        "userInputCode": typed,
        "linkCode": code.link_code,
        **_code_json(code),
    }


@route("POST /recipe/signinup/code/consume")
def consume_code(
    core: Core,
    *,
    pre_auth_session_id: str,
    device_id: str | None = None,
    user_input_code: str | None = None,
    link_code: str | None = None,
) -> Json:
    """Sign up or in, which ends all logins for the address or number."""
    device = _checked(core, pre_auth_session_id, device_id, user_input_code, link_code)
    contact = {"email": device.email, "phone_number": device.phone_number}
    for other in _devices_with(core, **contact):
        del core.storage.devices[other.pre_auth_session_id]
    user = User(RECIPE_ID, core.now_ms(), device.email, device.phone_number)
    known = core.storage.user_of(RECIPE_ID, *next(user.account_info()))
    if known is None:
        core.storage.put_user(user)
    else:
        user = known
    if user.email is not None:
        core.storage.verified_emails.add((user.id, user.email))
    return signed_in(
        core, user, createdNewUser=known is None, consumedDevice=_device_json(device)
    )


@route("POST /recipe/signinup/code/check")
def check_code(
    core: Core,
    *,
    pre_auth_session_id: str,
    device_id: str | None = None,
    user_input_code: str | None = None,
    link_code: str | None = None,
) -> Json:
    """Check a code without the login."""
    device = _checked(core, pre_auth_session_id, device_id, user_input_code, link_code)
    return {"status": "OK", "consumedDevice": _device_json(device)}


@route("GET /recipe/signinup/codes")
def listed(
    core: Core,
    *,
    email: str | None = None,
    phone_number: str | None = None,
    device_id: str | None = None,
    pre_auth_session_id: str | None = None,
) -> Json:
    """List the logins that have begun."""
    _check_one(
        email=email,
        phoneNumber=phone_number,
        deviceId=device_id,
        preAuthSessionId=pre_auth_session_id,
    )
    found = _devices_with(
        core,
        email=email and normalised_email(email),
        phone_number=phone_number and normalised_phone_number(phone_number),
        id=device_id,
        pre_auth_session_id=pre_auth_session_id,
    )
    devices = [
        {**_device_json(device), "codes": [_code_json(code) for code in device.codes]}
        for device in found
    ]
    return {"status": "OK", "devices": devices}


@route("POST /recipe/signinup/code/remove")
def remove_code(core: Core, code_id: str) -> Json:
    """Remove one code; its login ends with the last."""
    for device in list(core.storage.devices.values()):
        device.codes = [code for code in device.codes if code.id != code_id]
        if not device.codes:
            del core.storage.devices[device.pre_auth_session_id]
    return {"status": "OK"}


@route("POST /recipe/signinup/codes/remove")
def remove_codes(
    core: Core, email: str | None = None, phone_number: str | None = None
) -> Json:
    """Remove all codes of an address or a number."""
    _check_one(email=email, phoneNumber=phone_number)
    for device in _devices_with(
        core,
        email=email and normalised_email(email),
        phone_number=phone_number and normalised_phone_number(phone_number),
    ):
        del core.storage.devices[device.pre_auth_session_id]
    return {"status": "OK"}


def _check_one(**given: str | None) -> None:
    if list(given.values()).count(None) != len(given) - 1:
        *names, last = given
        listed = f"{', '.join(names)} or {last}"
        raise refusal(400, f"Please provide exactly one of {listed}")


def _devices_with(core: Core, **wanted: str | None) -> list[Device]:
    """Return the logins that have one of the attributes."""
    return [
        device
        for device in core.storage.devices.values()
        if any(
            value and getattr(device, name) == value for name, value in wanted.items()
        )
    ]


def _checked(
    core: Core,
    pre_auth_session_id: str,
    device_id: str | None,
    user_input_code: str | None,
    link_code: str | None,
) -> Device:
    """Return the login whose code was given; a wrong one counts as an attempt."""
    if [device_id is None, user_input_code is None] != [link_code is not None] * 2:
        raise refusal(
            400, "Please provide exactly one of linkCode or deviceId+userInputCode"
        )
    device = core.storage.devices.get(pre_auth_session_id)
    if device is None:
        raise outcome("RESTART_FLOW_ERROR")
    if device_id not in {None, device.id}:
        raise refusal(400, "preAuthSessionId and deviceId doesn't match")
    given = (link_code, user_input_code)
    code = next(
        (
            c
            for c in device.codes
            if given in {(c.link_code, None), (None, c.user_input_code)}
        ),
        None,
    )
    if code is not None and core.now_ms() - code.created_at_ms <= CODE_LIFETIME_MS:
        return device
    if link_code is not None:
        raise outcome("RESTART_FLOW_ERROR")
    device.failed_attempts += 1
    if device.failed_attempts >= MAX_ATTEMPTS:
        del core.storage.devices[pre_auth_session_id]
        raise outcome("RESTART_FLOW_ERROR")
    raise outcome(
        f"{'INCORRECT' if code is None else 'EXPIRED'}_USER_INPUT_CODE_ERROR",
        failedCodeInputAttemptCount=device.failed_attempts,
        maximumCodeInputAttempts=MAX_ATTEMPTS,
    )


def _device_json(device: Device) -> Json:
    shown: Json = {
        "preAuthSessionId": device.pre_auth_session_id,
        "failedCodeInputAttemptCount": device.failed_attempts,
    }
    contact = {"email": device.email, "phoneNumber": device.phone_number}
    return shown | {name: value for name, value in contact.items() if value is not None}


def _code_json(code: Code) -> Json:
    return {
        "codeId": code.id,
        "timeCreated": code.created_at_ms,
        "codeLifetime": CODE_LIFETIME_MS,
    }
