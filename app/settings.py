"""Typed settings from the environment, checked at start: a wrong one stops it with its name."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

ATLASSIAN_INSTALL_KEY_URLS = (
    # Newer hosts serve from the first, the second is Atlassian's own fallback.
    "https://asap-distribution.us-west-2.prod.atl-asap.net",
    "https://connect-install-keys.atlassian.com",
)


class Edition(StrEnum):
    """Whom this server is for: many customers' sites, or one organisation's own."""

    CLOUD = "cloud"
    SELF_HOSTED = "self-hosted"


@dataclass(frozen=True)
class KmsKeyId:
    """The id, alias or ARN of a master key in AWS KMS."""

    text: str


class SettingsError(Exception):
    """One or more settings are wrong; the text names each, what was found and what is allowed."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True)
class Settings:
    """Everything that the environment decides. Secrets are kept out of repr()."""

    base_url: str
    app_key: str
    edition: Edition
    instance: Path
    database_url: str | None = field(repr=False)
    master_keys: tuple[tuple[str, bytes | KmsKeyId], ...] = field(repr=False)
    install_key_urls: tuple[str, ...]
    allowed_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    insecure_http: bool
    port: int
    web_concurrency: int
    worker_concurrency: int
    trusted_proxies: int

    @property
    def embedded(self) -> bool:
        """Whether Tandem runs its own PostgreSQL in the instance folder."""
        return self.database_url is None


def is_loopback_host(host: str) -> bool:
    """True for localhost and for addresses of the loopback range."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _http_url(text: str, insecure: bool) -> str:
    parts = urlsplit(text)
    host = parts.hostname or ""
    if not host or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("an address like https://tandem.example.com, without user, query or #")
    if parts.scheme == "http" and insecure and is_loopback_host(host):
        return text.rstrip("/")
    if parts.scheme != "https":
        raise ValueError(
            "an https:// address (http:// only for a loopback address with TANDEM_INSECURE_HTTP=1)"
        )
    return text.rstrip("/")


def _database_url(text: str) -> str:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    rule = "a PostgreSQL address like postgresql://user:password@host:5432/tandem"
    if not re.match(r"^postgres(ql)?(\+psycopg)?://", text):
        raise ValueError(rule)
    url = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", text)
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ValueError(f"{rule}, with options that libpq knows") from None
    return url


def _app_key(text: str) -> str:
    # Reference: https://developer.atlassian.com/cloud/jira/platform/connect-app-descriptor/
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise ValueError("1 to 64 letters, digits, dots, dashes or underscores")
    return text


def parse_master_keys(text: str) -> tuple[tuple[str, bytes | KmsKeyId], ...]:
    """The master keys of `name:base64` and `name:aws-kms:id` entries. Raises ValueError (rule)."""
    rule = (
        "name:key pairs parted by commas, each key 32 bytes in base64 or aws-kms:<key id or ARN>, "
        "the current one first"
    )
    keys: list[tuple[str, bytes | KmsKeyId]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, key = part.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
            raise ValueError(rule)
        kind, kms, key_id = key.partition(":")
        try:
            material = KmsKeyId(key_id) if kms else base64.b64decode(key, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(rule) from None
        if isinstance(material, KmsKeyId):
            # Reference: https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html
            well = kind == "aws-kms" and bool(re.fullmatch(r"[A-Za-z0-9:/_-]{1,2048}", key_id))
        else:
            well = len(material) == 32
        if not well:
            raise ValueError(rule)
        keys.append((name, material))
    if len({name for name, _ in keys}) != len(keys):
        raise ValueError(rule + ", no name twice")
    return tuple(keys)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError("0 or 1")
    return text == "1"


def _edition(text: str) -> Edition:
    try:
        return Edition(text)
    except ValueError:
        raise ValueError("cloud or self-hosted") from None


def _networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("networks parted by commas, like 10.20.0.0/16,fd00::/8") from None


class _Reader:
    """Reads one environment and gathers every fault, so that the operator mends them in one go."""

    SECRET = frozenset({"DATABASE_URL", "TANDEM_MASTER_KEYS"})

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.faults: list[str] = []

    def get(self, name: str, default: str | None, parse: Callable[[str], T], unset: T) -> T:
        raw = self.environment.get(name, "").strip() or default
        if raw is None:
            return unset
        try:
            return parse(raw)
        except ValueError as rule:
            # A secret is never repeated: the start-up text ends in logs. An address with @ in it
            # may hold a password.
            secret = name in self.SECRET or "@" in raw
            found = "a value that is not shown" if secret else repr(raw)
            self.faults.append(f"{name}: found {found}, allowed is {rule}.")
            return unset

    def require(self, name: str, parse: Callable[[str], T], unset: T) -> T:
        if not self.environment.get(name, "").strip():
            try:
                parse("")
            except ValueError as rule:
                self.faults.append(f"{name}: missing, allowed is {rule}.")
            return unset
        return self.get(name, None, parse, unset)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this environment (`os.environ` when none is given).

    Raises SettingsError that names every wrong or missing setting, what was found and what is
    allowed.
    """
    read = _Reader(os.environ if environment is None else environment)
    insecure = read.get("TANDEM_INSECURE_HTTP", "0", _flag, False)

    def url(text: str) -> str:
        return _http_url(text, insecure)

    def urls(text: str) -> tuple[str, ...]:
        return tuple(url(part.strip()) for part in text.split(",") if part.strip())

    settings = Settings(
        base_url=read.require("TANDEM_BASE_URL", url, ""),
        app_key=read.get("TANDEM_APP_KEY", "tandem", _app_key, ""),
        edition=read.get("TANDEM_EDITION", "cloud", _edition, Edition.CLOUD),
        instance=read.get(
            "TANDEM_INSTANCE", "instance", lambda text: Path(text).expanduser().resolve(), Path()
        ),
        database_url=read.get("DATABASE_URL", None, _database_url, None),
        master_keys=read.get("TANDEM_MASTER_KEYS", "", parse_master_keys, ()),
        install_key_urls=read.get(
            "TANDEM_INSTALL_KEY_URLS", ",".join(ATLASSIAN_INSTALL_KEY_URLS), urls, ()
        ),
        allowed_networks=read.get("TANDEM_ALLOWED_NETWORKS", "", _networks, ()),
        insecure_http=insecure,
        port=read.get("PORT", "8080", _whole(0, 65535), 0),
        web_concurrency=read.get("WEB_CONCURRENCY", "2", _whole(1, 64), 2),
        worker_concurrency=read.get("TANDEM_WORKER_CONCURRENCY", "8", _whole(1, 64), 8),
        trusted_proxies=read.get("TANDEM_TRUSTED_PROXIES", "0", _whole(0, 10), 0),
    )
    if read.faults:
        raise SettingsError(read.faults)
    return settings
