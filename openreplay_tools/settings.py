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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from openreplay_tools import addresses, windows
from openreplay_tools.doors import Access, AppRef
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
    "downloads": "OPENREPLAY_DOWNLOADS",
    "logrocket_api_key": "LOGROCKET_API_KEY",
    "logrocket_org_id": "LOGROCKET_ORG_ID",
    "logrocket_app_id": "LOGROCKET_APP_ID",
    "logrocket_base_url": "LOGROCKET_BASE_URL",
    "logrocket_dashboard_url": "LOGROCKET_DASHBOARD_URL",
    "notte_api_key": "NOTTE_API_KEY",
    "notte_api_url": "NOTTE_API_URL",
}
# Names that the vendors' own tools read; ours come first.
_ALIASES = {"logrocket_api_key": "LOGROCKET_APIKEY", "logrocket_app_id": "LOGROCKET_PROJECT_ID"}


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
        deadline: seconds one call may take for answers in all, retries and pages included; waits and downloads besides.
        connect_timeout: seconds to reach the server.
        read_timeout: seconds between two pieces of a reply.
        max_reply_bytes: a longer reply is refused.
        retries: how often a failed read is tried again.
        budget: characters of a text answer.
        privacy: "secrets" masks passwords and keys in tools' answers; "pseudonyms" shows people by aliases as well.
        downloads: the one directory in which files may be written; "" for none.
        max_download_bytes: a longer file is not downloaded.
        download_deadline: seconds one download may take.
        poll_seconds: between two looks at what a server is preparing; twice that after half a minute.
        logrocket_api_key: LogRocket's key, from its dashboard's settings: org:app:secret or pat:org:app:secret.
        logrocket_org_id: organization, where the key does not tell it.
        logrocket_app_id: application, likewise; org/app as the dashboard shows it is understood.
        logrocket_base_url: LogRocket's API; a private cloud's own.
        logrocket_dashboard_url: where links to LogRocket point; a private cloud has none unless it is given.
        notte_api_key: Notte's key.
        notte_api_url: Notte's API.
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
    downloads: str = ""
    max_download_bytes: int = Field(1024**3, gt=0)
    download_deadline: float = Field(900.0, gt=0, le=_LONGEST)
    poll_seconds: float = Field(5.0, gt=0, le=600)
    logrocket_api_key: SecretStr = SecretStr("")
    logrocket_org_id: str = ""
    logrocket_app_id: str = ""
    logrocket_base_url: str = addresses.LOGROCKET
    logrocket_dashboard_url: str = ""
    notte_api_key: SecretStr = SecretStr("")
    notte_api_url: str = addresses.NOTTE
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
        known = [*_ALIASES.items(), *VARIABLES.items()]
        found = {field: os.environ[variable] for field, variable in known if os.environ.get(variable)}
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
        _ = settings.zone, settings.logrocket
        if bool(settings.email) != bool(settings.password.get_secret_value()):
            missing = "OPENREPLAY_PASSWORD" if settings.email else "OPENREPLAY_EMAIL"
            raise ConfigurationError(f"A dashboard login is an e-mail address and a password; set {missing} too.")
        return settings

    @classmethod
    def of_sandbox(cls, server: Any, *, login: bool = False, siblings: bool = False, **given: Any) -> Settings:
        """Return settings for an embedded server, made so that outputs repeat: its clock, its secret, fixed links.

        Args:
            server: a started `Sandbox`.
            login: a dashboard login beside the organization key.
            siblings: the keys of its LogRocket and its Notte as well.
            **given: fields of this class; they win.
        """
        known = {
            **(_siblings_of(server) if siblings else {}),
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

    @field_validator("api_key", "token", "logrocket_api_key", "notte_api_key", mode="after")
    @classmethod
    def _bare_key(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        text = re.sub(r"(?i)\A\s*((bearer|token)(\s+|\Z))?", "", key.get_secret_value()).strip()
        if not text.isascii() or not text.isprintable() or " " in text:
            what = "token" if info.field_name == "token" else "key"
            where = " from Preferences → Account" if info.field_name == "api_key" else ""
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

    @field_validator("logrocket_base_url", "notte_api_url", mode="after")
    @classmethod
    def _sibling(cls, url: str, info: ValidationInfo) -> str:
        field = str(info.field_name)
        return addresses.sibling(url.strip() or str(cls.model_fields[field].default), VARIABLES[field])

    @field_validator("logrocket_dashboard_url", mode="after")
    @classmethod
    def _page(cls, url: str) -> str:
        return addresses.sibling(url, VARIABLES["logrocket_dashboard_url"]) if url.strip() else ""

    @field_validator("downloads", mode="after")
    @classmethod
    def _directory(cls, path: str) -> str:
        try:
            return str(Path(path).expanduser()) if path.strip() else ""
        except RuntimeError:
            raise ConfigurationError("OPENREPLAY_DOWNLOADS: ~ cannot be resolved here; write the whole path.") from None

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
            "logrocket": bool(self.logrocket_api_key.get_secret_value()),
            "notte": bool(self.notte_api_key.get_secret_value()),
        }
        return frozenset(kind for kind, there in given.items() if there)

    @cached_property
    def access(self) -> Access:
        """What is known of servers and credentials before anything was asked.

        A LogRocket key that cannot be used closes LogRocket's door only: it may lie in the environment for other tools.
        """
        known = Access(self.credentials, downloads=bool(self.downloads))
        if "logrocket" not in self.credentials or (self.logrocket.org and self.logrocket.app):
            return known
        reason = ConfigurationError(
            "LOGROCKET_API_KEY does not name organization and application as org:app:secret does. Set LOGROCKET_ORG_ID "
            "and LOGROCKET_APP_ID (Settings in LogRocket's dashboard show them as org/app)."
        )
        return known.without("logrocket", reason)

    @cached_property
    def logrocket(self) -> AppRef:
        """The application at LogRocket: what is given, else what the key tells; "" for what nobody tells."""
        org, app = _named_by(self.logrocket_api_key.get_secret_value())
        # The dashboard shows "org/app".
        given, _, rest = self.logrocket_app_id.strip().strip("/").rpartition("/")
        org, app = self.logrocket_org_id.strip() or given or org, rest or app
        known = addresses.LOGROCKET_DASHBOARD if self.logrocket_base_url == addresses.LOGROCKET else ""
        return AppRef(org, app, self.logrocket_dashboard_url or known)

    @cached_property
    def is_local(self) -> bool:
        """Whether every sibling vendor with a key is this machine's own: a sandbox, a test."""
        known = {"logrocket": self.logrocket_base_url, "notte": self.notte_api_url}
        used = [address for vendor, address in known.items() if vendor in self.credentials]
        return bool(used) and all(addresses.is_loopback(address) for address in used)

    @cached_property
    def logrocket_api(self) -> str:
        """The base of LogRocket's REST API for this application."""
        org, app = (quote(part, safe="") for part in (self.logrocket.org, self.logrocket.app))
        return f"{self.logrocket_base_url}/v1/orgs/{org}/apps/{app}"


def _siblings_of(server: Any) -> dict[str, Any]:
    """Return the settings for the other vendors that an embedded server plays, as quick as they are there."""
    return {
        "logrocket_api_key": server.logrocket_api_key,
        "logrocket_base_url": server.logrocket_url,
        "logrocket_dashboard_url": addresses.LOGROCKET_DASHBOARD,
        "notte_api_key": server.notte_api_key,
        "notte_api_url": server.notte_url,
        "poll_seconds": 0.02,
    }


def _named_by(key: str) -> tuple[str, str]:
    """Return organization and application that a LogRocket key names: org:app:secret, pat:org:app:secret."""
    parts = key.split(":")
    if len(parts) == 4 and parts[0] == "pat":
        return parts[1], parts[2]
    return (parts[0], parts[1]) if len(parts) == 3 else ("", "")


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
