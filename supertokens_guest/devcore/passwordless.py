"""The passwordless recipe: codes to type in, and links to follow."""

from __future__ import annotations

import base64
import secrets

from .answers import Json, outcome, refusal
from .routing import RecordedRequest, route
from .storage import Code, Core, Device, User, account_info
from .users import signed_in

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
    devices = _devices(core, email=email, phoneNumber=phone_number, deviceId=device_id)
    if device_id is not None and not devices:
        return {"status": "RESTART_FLOW_ERROR"}
    if device_id is None:
        fresh_id = base64.b64encode(secrets.token_bytes(32)).decode()
        device = Device(account_info(email, phone_number), fresh_id)
        core.storage.devices[device.pre_auth_session_id] = device
    else:
        device = devices[0]
    typed = user_input_code or f"{secrets.randbelow(10**6):06}"
    if any(code.user_input_code == typed for code in device.codes):
        return {"status": "USER_INPUT_CODE_ALREADY_USED_ERROR"}
    code = Code(typed, core.now_ms())
    device.codes.append(code)
    return {
        "preAuthSessionId": device.pre_auth_session_id,
        "deviceId": device.id,
        "userInputCode": typed,
        "linkCode": code.link_code,
        **_code_json(code),
    }


@route("POST /recipe/signinup/code/check")
@route("POST /recipe/signinup/code/consume")
def consume_code(
    core: Core,
    request: RecordedRequest,
    *,
    pre_auth_session_id: str,
    device_id: str | None = None,
    user_input_code: str | None = None,
    link_code: str | None = None,
) -> Json:
    """Check a code, and sign up or in; a wrong one to type in counts as an attempt."""
    is_typed = device_id is not None and user_input_code is not None
    if is_typed is (link_code is not None):
        raise refusal(
            400, "Please provide exactly one of linkCode or deviceId+userInputCode"
        )
    device = core.storage.devices.get(pre_auth_session_id)
    if device is None:
        raise outcome("RESTART_FLOW_ERROR")
    if is_typed and device_id != device.id:
        raise refusal(400, "preAuthSessionId and deviceId doesn't match")
    given = user_input_code if is_typed else link_code
    for code in device.codes:
        if given == (code.user_input_code if is_typed else code.link_code):
            break
    else:
        raise _wrong_code(core, device, "INCORRECT", is_typed=is_typed)
    if core.now_ms() - code.created_at_ms > CODE_LIFETIME_MS:
        raise _wrong_code(core, device, "EXPIRED", is_typed=is_typed)
    if request.route.endswith("/check"):
        return {"consumedDevice": _device_json(device)}
    return _logged_in(core, device)


def _wrong_code(core: Core, device: Device, why: str, *, is_typed: bool) -> Exception:
    if not is_typed:
        return outcome("RESTART_FLOW_ERROR")
    device.failed_attempts += 1
    if device.failed_attempts >= MAX_ATTEMPTS:
        del core.storage.devices[device.pre_auth_session_id]
        return outcome("RESTART_FLOW_ERROR")
    return outcome(
        f"{why}_USER_INPUT_CODE_ERROR",
        failedCodeInputAttemptCount=device.failed_attempts,
        maximumCodeInputAttempts=MAX_ATTEMPTS,
    )


def _logged_in(core: Core, device: Device) -> Json:
    """Answer with the user, and end all logins for the address or number."""
    for other in [d for d in core.storage.devices.values() if d.info == device.info]:
        del core.storage.devices[other.pre_auth_session_id]
    known = core.storage.user_of(RECIPE_ID, device.info)
    user = known or User(RECIPE_ID, core.now_ms())
    core.storage.put_user(user, {**user.info, **device.info})
    if "email" in user.info:
        core.storage.verified_emails.add((user.id, user.info["email"]))
    consumed = _device_json(device)
    return signed_in(core, user, createdNewUser=known is None, consumedDevice=consumed)


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
    found = _devices(
        core,
        email=email,
        phoneNumber=phone_number,
        deviceId=device_id,
        preAuthSessionId=pre_auth_session_id,
    )
    devices = [
        {**_device_json(device), "codes": [_code_json(code) for code in device.codes]}
        for device in found
    ]
    return {"devices": devices}


@route("POST /recipe/signinup/code/remove")
def remove_code(core: Core, code_id: str) -> Json:
    """Remove one code; its login ends with the last."""
    for device in list(core.storage.devices.values()):
        device.codes = [code for code in device.codes if code.id != code_id]
        if not device.codes:
            del core.storage.devices[device.pre_auth_session_id]
    return {}


@route("POST /recipe/signinup/codes/remove")
def remove_codes(
    core: Core, email: str | None = None, phone_number: str | None = None
) -> Json:
    """Remove all codes of an address or a number."""
    for device in _devices(core, email=email, phoneNumber=phone_number):
        del core.storage.devices[device.pre_auth_session_id]
    return {}


def _devices(core: Core, **given: str | None) -> list[Device]:
    """Return the logins that have begun, by the one of the fields that is given."""
    if list(given.values()).count(None) != len(given) - 1:
        *names, last = given
        listed = f"{', '.join(names)} or {last}"
        raise refusal(400, f"Please provide exactly one of {listed}")
    info = account_info(given.get("email"), given.get("phoneNumber"))
    ids = {given.get("deviceId"), given.get("preAuthSessionId")}
    return [
        device
        for device in core.storage.devices.values()
        if device.info == info or ids & {device.id, device.pre_auth_session_id}
    ]


def _device_json(device: Device) -> Json:
    return {
        "preAuthSessionId": device.pre_auth_session_id,
        "failedCodeInputAttemptCount": device.failed_attempts,
        **device.info,
    }


def _code_json(code: Code) -> Json:
    return {
        "codeId": code.id,
        "timeCreated": code.created_at_ms,
        "codeLifetime": CODE_LIFETIME_MS,
    }
