"""Signing in and out of the dashboard, and who one is there (contract §4.1)."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.accounts import MEMBER, OWNER, TENANT, InvalidRefreshError, InvalidTokenError
from openreplay_tools.sandbox.legacy_call import (
    Cookies,
    LegacyCall,
    LegacyRoute,
    refused,
    text_field,
    unprocessable,
)
from openreplay_tools.sandbox.versions import schema

if TYPE_CHECKING:
    from openreplay_tools.sandbox.accounts import Person

_ORGANIZATION = "Acme Org"
_COOKIES = {"refreshToken": "/api/refresh", "spotRefreshToken": "/api/spot/refresh"}


def signup(call: LegacyCall) -> object:
    """Tell the edition to anybody (contract §5, third probe)."""
    nothing = dict.fromkeys(["sso", "ssoProvider", "enforceSSO"])
    return {"data": {"tenants": True, **nothing, "edition": call.installation.edition}}


def login(call: LegacyCall) -> object:
    """Sign in; the person's earlier tokens are no longer good."""
    fields = call.fields()
    email, password = text_field(fields, "email"), text_field(fields, "password")
    if "@" not in email:
        reason = "An email address must have an @-sign."
        message = f"value is not a valid email address: {reason}"
        detail = {"type": "value_error", "loc": ["body", "email"], "msg": message, "input": email}
        raise unprocessable({**detail, "ctx": {"reason": reason}})
    found = call.installation.accounts.login(email, password)
    if found is None:
        raise refused(401, "You've entered invalid Email or Password.")
    person, tokens = found
    user = {**_identity(person), "smtp": False}
    if call.installation.edition == "ee":
        user |= {
            "origin": None,
            "roleId": person.user_id,
            "roleName": person.role.capitalize(),
            "permissions": list(person.permissions),
            "serviceAccount": False,
        }
    content = {"jwt": tokens.jwt, "spotJwt": tokens.spot_jwt, "data": {"scopeState": 2, "user": user}}
    values = (tokens.refresh, tokens.spot_refresh)
    return Cookies(
        content,
        [_cookie(name, value, tokens.refresh_seconds) for name, value in zip(_COOKIES, values, strict=True)],
    )


def refresh(call: LegacyCall) -> object:
    """Give a new token for the cookie and the last token; the recorded server looks at the cookie first."""
    scheme, _, token = call.authorization.partition(" ")
    try:
        tokens = call.installation.accounts.refresh(call.cookies.get("refreshToken", ""), token)
    except InvalidRefreshError as error:
        raise refused(403, "Invalid refresh-token or expired refresh-token.") from error
    except InvalidTokenError as error:
        if not token or scheme.lower() != "bearer":
            raise refused(401, "Not authenticated") from error
        raise refused(403, "Invalid token or expired token.") from error
    return Cookies({"jwt": tokens.jwt}, [_cookie("refreshToken", tokens.refresh, tokens.refresh_seconds)])


def logout(call: LegacyCall) -> object:
    """Make all tokens of the person worthless."""
    call.installation.accounts.logout(call.user.user_id)
    gone = formatdate(call.installation.now().timestamp(), usegmt=True)
    return Cookies(
        {"data": "success"},
        [f'{name}=""; expires={gone}; Max-Age=0; Path={path}; SameSite=lax' for name, path in _COOKIES.items()],
    )


def account(call: LegacyCall) -> object:
    """Tell who one is, and the organization's key."""
    installation = call.installation
    identity = _identity(call.user)
    own = {name: identity[name] for name in ("userId", "email", "role", "name", "superAdmin", "admin", "member")}
    return {
        "data": {
            **own,
            "hasPassword": True,
            "settings": {"modules": ["usability-tests", "feature-flags"]},
            "tenantId": TENANT,
            "apiKey": installation.api_key,
            "createdAt": installation.opened_ms,
            "edition": installation.edition,
            "versionNumber": schema(installation.version),
            "optOut": False,
            "scopeState": 2,
            "tenantName": _ORGANIZATION,
            "hasActivePlan": True,
            "expirationDate": -1,
            "smtp": False,
        }
    }


def _identity(person: Person) -> dict[str, Any]:
    return {
        "email": person.email,
        "userId": person.user_id,
        "tenantId": TENANT,
        "role": person.role,
        "name": person.name,
        "superAdmin": person is OWNER,
        "admin": False,
        "member": person is MEMBER,
    }


def _cookie(name: str, value: str, seconds: int) -> str:
    return f"{name}={value}; HttpOnly; Max-Age={seconds}; Path={_COOKIES[name]}; SameSite=lax; Secure"


LOGIN = {
    "/signup": LegacyRoute({"GET": signup}, "nothing"),
    "/login": LegacyRoute({"POST": login}, "nothing"),
    "/refresh": LegacyRoute({"GET": refresh}, "nothing"),
    "/logout": LegacyRoute({"GET": logout}),
    "/account": LegacyRoute({"GET": account}),
}
