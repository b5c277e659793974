"""The TOTP recipe: codes of an authenticator app as a second factor (RFC 6238)."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import TYPE_CHECKING

from .answers import Json, outcome, refusal
from .routing import route
from .storage import TotpDevice

if TYPE_CHECKING:
    from .storage import Core

MAX_FAILED_ATTEMPTS = 5
_COOL_DOWN_MS = 15 * 60 * 1000


@route("POST /recipe/totp/device", tenants="app")
def create(
    core: Core, user_id: str, skew: int, period: int, device_name: str | None = None
) -> Json:
    """Make a device; one of the same name that was never used goes."""
    for holds, fault in (
        (device_name != "", "deviceName cannot be empty"),
        (skew >= 0, "skew must be >= 0"),
        (period > 0, "period must be > 0"),
    ):
        if not holds:
            raise refusal(400, fault)
    devices = _devices(core, user_id)
    if device_name is None:
        verified = sum(device.is_verified for device in devices.values())
        device_name = f"TOTP Device {verified}"
    if device_name in devices and devices[device_name].is_verified:
        raise outcome("DEVICE_ALREADY_EXISTS_ERROR")
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    devices[device_name] = TotpDevice(secret, period, skew)
    return {"deviceName": device_name, "secret": secret}


@route("GET /recipe/totp/device/list", tenants="app")
def devices_of_user(core: Core, user_id: str) -> Json:
    """List the devices of a user: none for an unknown one."""
    listed = [
        {
            "name": name,
            "period": device.period_seconds,
            "skew": device.skew,
            "verified": device.is_verified,
        }
        for name, device in _devices(core, user_id).items()
    ]
    return {"devices": listed}


@route("POST /recipe/totp/device/remove", tenants="app")
def remove(core: Core, user_id: str, device_name: str) -> Json:
    """Remove a device."""
    removed = _devices(core, user_id).pop(device_name, None)
    return {"didDeviceExist": removed is not None}


@route("POST /recipe/totp/device/verify")
def verify_device(core: Core, user_id: str, device_name: str, totp: str) -> Json:
    """Take a device's first code; again is no error."""
    device = _devices(core, user_id).get(device_name)
    if device is None:
        raise outcome("UNKNOWN_DEVICE_ERROR")
    if device.is_verified:
        return {"wasAlreadyVerified": True}
    _use(core, user_id, totp, [device])
    device.is_verified = True
    return {"wasAlreadyVerified": False}


@route("POST /recipe/totp/verify")
def verify(core: Core, user_id: str, totp: str) -> Json:
    """Take a code of any device that is verified."""
    devices = _devices(core, user_id).values()
    if not devices:
        raise outcome("UNKNOWN_USER_ID_ERROR")
    _use(core, user_id, totp, [device for device in devices if device.is_verified])
    return {}


def code_at(secret: str, counter: int) -> str:
    """Return the six digits of one period (RFC 4226, 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def _devices(core: Core, user_id: str) -> dict[str, TotpDevice]:
    return core.storage.totp_devices.setdefault(user_id, {})


def _use(core: Core, user_id: str, totp: str, devices: list[TotpDevice]) -> None:
    """Take a code once; five wrong ones in a row close the door for a while."""
    failed_at = core.storage.totp_failed_at_ms.setdefault(user_id, [])
    limits = {"maxNumberOfFailedAttempts": MAX_FAILED_ATTEMPTS}
    if len(failed_at) >= MAX_FAILED_ATTEMPTS:
        retry_after_ms = failed_at[-1] + _COOL_DOWN_MS - core.now_ms()
        if retry_after_ms > 0:
            raise outcome(
                "LIMIT_REACHED_ERROR",
                retryAfterMs=retry_after_ms,
                currentNumberOfFailedAttempts=len(failed_at),
                **limits,
            )
        failed_at.clear()
    used = core.storage.totp_used_codes.setdefault(user_id, set())
    if totp in used or not any(totp in _codes(core, device) for device in devices):
        failed_at.append(core.now_ms())
        raise outcome(
            "INVALID_TOTP_ERROR",
            currentNumberOfFailedAttempts=len(failed_at),
            **limits,
        )
    used.add(totp)
    failed_at.clear()


def _codes(core: Core, device: TotpDevice) -> set[str]:
    now = core.now_ms() // (device.period_seconds * 1000)
    steps = range(now - device.skew, now + device.skew + 1)
    return {code_at(device.secret, step) for step in steps}
