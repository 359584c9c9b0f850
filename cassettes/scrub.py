"""Takes out of an exchange what names the server, its projects and its people."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cassettes.case import ADDRESS, EMAIL, OTHER_PROJECT, OTHER_PROJECT_KEY, PASSWORD, PROJECT, PROJECT_ID, PROJECT_KEY
from cassettes.exchanges import go_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vcr.request import Request

    from openreplay_tools import Settings
    from openreplay_tools.openreplay.directory import Project

_HOST = ADDRESS.partition("://")[2]
_KEPT_REQUEST_HEADERS = frozenset({"accept", "authorization", "content-type"})
_KEPT_REPLY_HEADERS = frozenset({"content-type", "date", "retry-after", "server"})
_PROJECT_KEY = re.compile(r'("projectKey":")([A-Za-z0-9]{20})(?=")')
_KEY_IN_PATH = re.compile(r"(/(?:public|v1)/)([A-Za-z0-9]{20})(?=/)")
_TENANT = re.compile(r'("tenantId":)\d+')
_NUMBER = re.compile(r'("project(?:Id|ID)":"?|/(?:api|pa)/)(\d+)(?=[",}/]|$)')
_TOKEN = re.compile(r"\beyJ[\w-]+(?:\.[\w-]+){1,2}")  # a JWT begins with {" in base64
_SECRET_FIELD = re.compile(r'("(?:jwt|spotJwt|apiKey|agentToken|fileKey|refreshToken)":")[^"]*(?=")', re.IGNORECASE)
_SIGNATURE = re.compile(r"((?:X-Amz|X-Goog)-(?:Credential|Signature|Security-Token)=)[^&\\\s\"']*", re.IGNORECASE)
_ASSIST_KEY = re.compile(
    r"(/assist/)[^/\s\"]+(/sockets)"
)  # in the message of a live service that is down (observed §A26)
_PLACEHOLDERS = {"jwt": "REDACTED_JWT", "spotjwt": "REDACTED_JWT", "apikey": "REDACTED_API_KEY"}
_TEXT = r'[^"\\]*(?:\\.[^"\\]*)*(?=")'
_PERSON, _NAME = re.compile(rf'("(?:userName|tenantName)":"){_TEXT}'), re.compile(rf'("name":"){_TEXT}')
_MAIL = re.compile(r"([\w.+-]+)(@|%40)([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE)
# RFC 2606 and 6761: nobody's addresses.
_RESERVED = re.compile(r"(^|\.)(example\.(com|net|org)|example|test|invalid)$", re.IGNORECASE)


class Scrub:
    """Replaces what must not stand in a cassette, the same thing always by the same placeholder."""

    def __init__(self, settings: Settings, own: Project, projects: list[Project]) -> None:
        """Choose the placeholders.

        Args:
            settings: of the live server; nothing of its address and key is kept.
            own: the project that the cases are about; it becomes the recorded one.
            projects: all that the key sees.
        """
        self._people: dict[str, str] = {}
        self._ids = {own.project_id: PROJECT_ID, PROJECT_ID: own.project_id}  # they change places
        self._keys: dict[str, str] = {PROJECT_KEY: PROJECT_KEY, OTHER_PROJECT_KEY: OTHER_PROJECT_KEY}
        self._words = {
            settings.go: f"{ADDRESS}/v2/api",
            settings.base_url: ADDRESS,
            settings.legacy: f"{ADDRESS}/api",  # the same as the line above on the cloud, where it is right
            settings.dashboard: ADDRESS,
            settings.host: _HOST,
            settings.api_key.get_secret_value(): "REDACTED",
            settings.token.get_secret_value(): "REDACTED_JWT",
            **_spelled(settings.password.get_secret_value(), PASSWORD),
            **_spelled(settings.email, EMAIL),
            **_placeholders(own, PROJECT_KEY, PROJECT),
        }
        others = (project for project in projects if project.project_key != own.project_key)
        for number, project in enumerate(others, 1):
            key = OTHER_PROJECT_KEY if number == 1 else project.project_key
            self._words |= _placeholders(project, key, OTHER_PROJECT if number == 1 else f"Project {number}")

    def also(self, replaced: Mapping[str, str]) -> Scrub:
        """Return a scrub that replaces more, such as a user id by the case's own."""
        words = {quote(word, safe=""): quote(new, safe="") for word, new in replaced.items()}
        words |= {go_json(word)[1:-1]: go_json(new)[1:-1] for word, new in replaced.items()}
        scrub = copy.copy(self)  # people and keys stay one and the same
        vars(scrub)["_words"] = {**self._words, **words, **replaced}
        return scrub

    def text(self, text: str) -> str:
        """Return a text without names; all replaced at once, so that placeholders are not replaced again."""
        words = sorted((word for word in self._words if word), key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, words)), lambda hit: self._words[hit[0]], text)
        text = _KEY_IN_PATH.sub(self._key, _PROJECT_KEY.sub(self._key, _TENANT.sub(r"\g<1>0", text)))
        text = _NUMBER.sub(lambda hit: f"{hit[1]}{self._ids.get(int(hit[2]), hit[2])}", text)
        return _MAIL.sub(self._alias, _without_secrets(text))

    def request(self, request: Request) -> Request:
        """Return a request as it may be kept (vcrpy's `before_record_request`)."""
        kept = {name.lower(): value for name, value in request.headers.items() if name.lower() in _KEPT_REQUEST_HEADERS}
        request.headers = {name: "REDACTED" if name == "authorization" else value for name, value in kept.items()}
        request.uri = self.text(request.uri)
        request.body = self.text(request.body.decode()).encode() if request.body else request.body
        return request

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Return a response as it may be kept (vcrpy's `before_record_response`); cookies never are."""
        headers = {name: values for name, values in response["headers"].items() if name.lower() in _KEPT_REPLY_HEADERS}
        body = self.text(response["body"]["string"].decode("utf-8", "replace")).encode()
        return {**response, "headers": headers, "body": {"string": body}}

    def _key(self, hit: re.Match[str]) -> str:
        """Return the placeholder of a project's key, such as one that was created meanwhile."""
        return hit[1] + self._keys.setdefault(hit[2], f"OtherProject{len(self._keys):08d}")

    def _alias(self, hit: re.Match[str]) -> str:
        if _RESERVED.search(hit[3]):
            return hit[0]
        person = self._people.setdefault(f"{hit[1]}@{hit[3]}".lower(), f"user-{len(self._people) + 1}")
        return f"{person}{hit[2]}example.org"


def _placeholders(project: Project, key: str, name: str) -> dict[str, str]:
    """Return what replaces a project; its name only where it stands as a name, for it may be any word."""
    return {project.project_key: key, f'"name":{go_json(project.name)}': f'"name":{go_json(name)}'}


def _without_secrets(text: str) -> str:
    """Return a text without what signs in or opens files, whoever it belongs to; people of the account are "Admin"."""
    if '"jwt":' in text:  # whoever signs in is named beside it
        text = _NAME.sub(r"\g<1>Admin", text)
    text = _SECRET_FIELD.sub(lambda hit: hit[1] + _placeholder(hit[1]), text)
    text = _SIGNATURE.sub(r"\g<1>REDACTED", _TOKEN.sub("REDACTED_JWT", text))
    return _PERSON.sub(r"\g<1>Admin", _ASSIST_KEY.sub(r"\g<1>REDACTED_ASSIST_KEY\g<2>", text))


def _placeholder(field: str) -> str:
    return _PLACEHOLDERS.get(field.strip('":').lower(), "REDACTED")


def _spelled(secret: str, placeholder: str) -> dict[str, str]:
    """Return what replaces a secret, as it is and as JSON writes it, ours and the server's."""
    spellings = {secret, json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1], go_json(secret)[1:-1]}
    return dict.fromkeys(spellings, placeholder)
