"""The addresses people paste, made into the one form that the rest of the package builds on (contract §5)."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from openreplay_tools.errors import ConfigurationError

CLOUD = "https://api.openreplay.com"
CLOUD_DASHBOARD = "https://app.openreplay.com"
LOGROCKET = "https://api.logrocket.com"
LOGROCKET_DASHBOARD = "https://app.logrocket.com"
NOTTE = "https://api.notte.cc"
_CLOUD_HOSTS = frozenset({"api.openreplay.com", "app.openreplay.com"})

# What stands after the host in dashboard and API addresses of every version.
_SUFFIX = re.compile(
    r"((/v2/api|/api/v[12]|/v2|/v1)(/public(/[\w/-]*)?|/projects)?|/api|/login|/\d{1,9}/(session|sessions|assist|dashboard)(/\d+)?)/*\Z",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_LONGEST_HOST = 253


def instance(url: str, variable: str) -> str:
    """Return an instance's address without what people paste behind it.

    Args:
        url: as given; a missing scheme is https.
        variable: where it was given, for errors.

    Raises:
        ConfigurationError: it is no address, or holds a user name or password.
    """
    text = url.strip()
    parts = _parts(text if "://" in text else f"https://{text}", variable)
    path = parts.path.rstrip("/")
    while (shorter := _SUFFIX.sub("", path)) != path:
        path = shorter.rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def sibling(url: str, variable: str) -> str:
    """Return the address of another vendor's service, without the version that is added behind it.

    Args:
        url: as given; a missing scheme is https.
        variable: where it was given, for errors.

    Raises:
        ConfigurationError: it is no address, or holds a user name or password.
    """
    text = url.strip()
    parts = _parts(text if "://" in text else f"https://{text}", variable)
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    known = next((each for each in (LOGROCKET, NOTTE) if host_of(each) == (parts.hostname or "").removesuffix(".")), "")
    return known or f"{parts.scheme}://{parts.netloc.lower()}{path}"  # the vendors' own are https, whatever was pasted


def is_fetchable(url: str, *, local: bool = False) -> bool:
    """Tell whether what lies behind a pre-signed address may be fetched: only over https.

    Args:
        url: the address.
        local: whether the vendors are this machine's own (the sandbox), which may name its ports.
    """
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url  # its host stands in texts
        usable = plain and parts.port != 0 and "@" not in parts.netloc and _is_host(parts.hostname or "")
    except ValueError:
        return False
    return usable and (parts.scheme == "https" or (local and parts.scheme == "http" and is_loopback(url)))


def api(url: str) -> str:
    """Return the address to send requests to, given an instance's; the cloud's is always the same and always https."""
    return CLOUD if not url or host_of(url).removesuffix(".") in _CLOUD_HOSTS else url


def is_loopback(url: str) -> bool:
    """Tell whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(url: str) -> str:
    """Return the host a foreign address leads to, "" when it cannot be told; never a user name or password."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _parts(text: str, variable: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port != 0 and not parts.netloc.endswith(":")  # "https://https://…" has a host "https:"
        usable = port and parts.scheme in {"http", "https"} and _is_host(parts.hostname or "")
    except ValueError:  # brackets without an address in them, a port that is none
        raise _refused(variable) from None
    if "@" in parts.netloc:
        raise ConfigurationError(f"{variable} must not hold a user name or password; keys have variables of their own.")
    if not usable or any(char.isspace() or not char.isprintable() for char in text):
        raise _refused(variable)
    return parts


def _refused(variable: str) -> ConfigurationError:
    return ConfigurationError(
        f"{variable} is not an address. Write the instance's address, such as https://openreplay.example.com."
    )


def _is_host(host: str) -> bool:
    if ":" in host:
        return ipaddress.ip_address(host).version == 6
    try:
        labels = host.encode("idna").decode("ascii").removesuffix(".").split(".")
    except UnicodeError:
        return False
    return len(host) <= _LONGEST_HOST and all(_LABEL.match(label) for label in labels)
