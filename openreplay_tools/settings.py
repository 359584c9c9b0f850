"""Credentials, addresses, zone, clock and limits: given in code or read from the environment.

This is the only module that reads `os.environ`. Building settings sends nothing.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from openreplay_tools import addresses, windows
from openreplay_tools.errors import ConfigurationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from openreplay_tools.doors import Credential

_LONGEST = 86_400.0  # a day; sockets refuse what does not fit their clocks
_PROCESS_SECRET = secrets.token_hex(16)
VARIABLES = {
    "api_key": "OPENREPLAY_API_KEY",
    "base_url": "OPENREPLAY_BASE_URL",
    "dashboard_url": "OPENREPLAY_DASHBOARD_URL",
    "project": "OPENREPLAY_PROJECT",
    "timezone": "OPENREPLAY_TIMEZONE",
    "email": "OPENREPLAY_EMAIL",
    "password": "OPENREPLAY_PASSWORD",
    "token": "OPENREPLAY_TOKEN",
    "privacy": "OPENREPLAY_PRIVACY",
}


def _now() -> datetime:
    return datetime.now(UTC)


class Settings(BaseModel):
    """What a client needs to know before its first request.

    Args:
        api_key: organization key (Preferences → Account); surrounding space and a `Bearer ` prefix are removed.
        base_url: instance or API address in any of the forms people paste; default the managed cloud.
        dashboard_url: where links point; default the instance itself.
        project: default project: key, numeric id or name.
        timezone: IANA zone for times read and written; default UTC.
        email: dashboard login, with `password`; an account of its own, for a login ends the person's others.
        password: dashboard login.
        token: a dashboard token instead of e-mail and password; it cannot be renewed.
        deadline: seconds one call may take in all, retries and pages included.
        connect_timeout: seconds to reach the server.
        read_timeout: seconds between two pieces of a reply.
        max_reply_bytes: a longer reply is refused.
        retries: how often a failed read is tried again.
        budget: characters of a text answer.
        privacy: "secrets" masks passwords and keys in tools' answers; "pseudonyms" shows people by aliases as well.
        clock: tells the present; for tests and the sandbox.
        secret: makes fence marks and confirmation tokens; a random one of the process by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    api_key: SecretStr = SecretStr("")
    base_url: str = addresses.CLOUD
    dashboard_url: str = ""
    project: str = ""
    timezone: str = ""
    email: str = Field("", repr=False)
    password: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    deadline: float = Field(60.0, gt=0, le=_LONGEST)
    connect_timeout: float = Field(10.0, gt=0, le=_LONGEST)
    read_timeout: float = Field(30.0, gt=0, le=_LONGEST)
    max_reply_bytes: int = Field(32 * 1024 * 1024, gt=0)
    retries: int = Field(2, ge=0, le=10)
    budget: int = Field(6000, ge=500)
    privacy: Literal["secrets", "pseudonyms"] = "secrets"
    clock: Callable[[], datetime] = Field(_now, repr=False, exclude=True)
    secret: SecretStr = SecretStr(_PROCESS_SECRET)

    @classmethod
    def from_env(cls, **given: Any) -> Settings:
        """Read the environment; what is given in code wins.

        Args:
            **given: fields of this class.

        Raises:
            ConfigurationError: a value is malformed; the text names the variable and what to write.
        """
        found = {field: os.environ[variable] for field, variable in VARIABLES.items() if os.environ.get(variable)}
        return cls.make(**{**found, **given})

    @classmethod
    def make(cls, **given: Any) -> Settings:
        """Check the values and explain what is wrong with them, without repeating any secret.

        Args:
            **given: fields of this class.

        Raises:
            ConfigurationError: a value is malformed.
        """
        try:
            settings = cls(**given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = str(first["loc"][0]) if first["loc"] else "settings"
            raise ConfigurationError(f"{VARIABLES.get(field, field)}: {first['msg']}.") from None
        _ = settings.zone
        if bool(settings.email) != bool(settings.password.get_secret_value()):
            missing = "OPENREPLAY_PASSWORD" if settings.email else "OPENREPLAY_EMAIL"
            raise ConfigurationError(f"A dashboard login is an e-mail address and a password; set {missing} too.")
        return settings

    @classmethod
    def of_sandbox(cls, server: Any, *, login: bool = False, **given: Any) -> Settings:
        """Return settings for an embedded server, made so that outputs repeat: its clock, its secret, fixed links.

        Args:
            server: a started `Sandbox`.
            login: a dashboard login beside the organization key.
            **given: fields of this class; they win.
        """
        known = {
            **({"email": server.email, "password": server.password} if login else {}),
            "api_key": server.api_key,
            "base_url": server.url,
            "dashboard_url": "https://openreplay.example.com",
            "project": "Acme Shop",
            "clock": server.now,
            "secret": server.secret,
        }
        return cls.make(**{**known, **given})

    def __reduce__(self) -> str:
        """Refuse: a pickle would hold the key in clear."""
        raise TypeError("Settings hold a key and are not pickled; make them anew.")

    @field_validator("email", mode="after")
    @classmethod
    def _bare_email(cls, email: str) -> str:
        return email.strip()

    @field_validator("api_key", "token", mode="after")
    @classmethod
    def _bare_key(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        text = re.sub(r"(?i)\A\s*(bearer(\s+|\Z))?", "", key.get_secret_value()).strip()
        if not text.isascii() or not text.isprintable() or " " in text:
            what, where = ("token", "") if info.field_name == "token" else ("key", " from Preferences → Account")
            raise ConfigurationError(
                f"{VARIABLES[str(info.field_name)]}: the {what} holds a space, a line break or a character no {what} "
                f"has; copy it again{where}."
            )
        return SecretStr(text)

    @field_validator("base_url", "dashboard_url", mode="after")
    @classmethod
    def _origin(cls, url: str, info: ValidationInfo) -> str:
        return addresses.instance(url, VARIABLES[str(info.field_name)]) if url.strip() else ""

    @field_validator("base_url", mode="after")
    @classmethod
    def _cloud_api(cls, url: str) -> str:
        return addresses.api(url)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone in which times are read and written."""
        return windows.zone(self.timezone)

    @cached_property
    def host(self) -> str:
        """The host the credential goes to."""
        return urlsplit(self.base_url).netloc

    @cached_property
    def dashboard(self) -> str:
        """The address that links begin with."""
        return self.dashboard_url or (addresses.CLOUD_DASHBOARD if self.base_url == addresses.CLOUD else self.base_url)

    @cached_property
    def go(self) -> str:
        """The base of the Go service: API v2 and most of the dashboard's; the cloud leaves out a segment (§1.1)."""
        return f"{self.base_url}/v2" if self.base_url == addresses.CLOUD else f"{self.base_url}/v2/api"

    @cached_property
    def legacy(self) -> str:
        """The base of the Python service: API v1, login, projects, filter catalogue."""
        return self.base_url if self.base_url == addresses.CLOUD else f"{self.base_url}/api"

    @cached_property
    def credentials(self) -> frozenset[Credential]:
        """The kinds of credential that are set."""
        given: dict[Credential, bool] = {
            "key": bool(self.api_key.get_secret_value()),
            "login": bool(self.email or self.token.get_secret_value()),
        }
        return frozenset(kind for kind, there in given.items() if there)


def model_name() -> str:
    """Return the model that demo and notebooks ask for, as provider:model; "" stands for the scripted one.

    Raises:
        ConfigurationError: there is no provider or no model in it.
    """
    name = os.environ.get("OPENREPLAY_TOOLS_MODEL", "").strip()
    provider, _, model = name.partition(":")
    if name and not (provider and model):
        raise ConfigurationError("OPENREPLAY_TOOLS_MODEL: write provider:model, such as openai:gpt-5-mini.")
    return name


def demo_question() -> str:
    """Return the question that the demo asks, "" for its own."""
    return os.environ.get("OPENREPLAY_DEMO_QUESTION", "").strip()
