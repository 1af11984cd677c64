"""The Connect installer: descriptors in, signed lifecycle calls out.

Reference: https://developer.atlassian.com/cloud/jira/platform/connect-app-descriptor/
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from sandbox import modules, tokens
from sandbox.auth import IMPLIED
from sandbox.errors import JiraError
from sandbox.model import AppInstall, JsonDict, User
from sandbox.seed import stable_uuid
from sandbox.site import Site

if TYPE_CHECKING:
    from sandbox.world import World

KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
LIFECYCLE = ("installed", "enabled", "disabled", "uninstalled")
TIMEOUT_S = 60  # a test's app may run on a busy machine
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")

_install_lock = threading.Lock()


def descriptor_faults(descriptor: Any, url: str) -> list[str]:
    """What Jira would refuse about a descriptor, each fault naming its place."""
    if not isinstance(descriptor, dict):
        return ["descriptor: must be a JSON object"]
    faults = []
    if not KEY.fullmatch(str(descriptor.get("key", ""))):
        faults.append("key: must have 1 to 64 of letters, digits, '.', '_' and '-'")
    faults += _base_url_faults(descriptor.get("baseUrl"), url)
    if descriptor.get("authentication", {}).get("type") != "jwt":
        faults.append('authentication.type: must be "jwt"')
    for scope in descriptor.get("scopes", []):
        if scope not in IMPLIED:
            faults.append(f"scopes: {scope!r} is unknown; known: {sorted(IMPLIED)}")
    lifecycle = descriptor.get("lifecycle", {})
    if "installed" not in lifecycle:
        faults.append('lifecycle.installed: needed with authentication.type "jwt"')
    for name, path in lifecycle.items():
        if name not in LIFECYCLE:
            faults.append(f"lifecycle.{name}: unknown; known: {LIFECYCLE}")
        elif not str(path).startswith("/"):
            faults.append(f"lifecycle.{name}: must be a path that starts with '/'")
    migrations = descriptor.get("apiMigrations", {})
    for name in ("signed-install", "context-qsh"):
        if migrations.get(name) is not True:
            faults.append(f"apiMigrations.{name}: must be true")
    return faults + modules.faults_of(descriptor.get("modules", {}))


def _base_url_faults(base_url: Any, url: str) -> list[str]:
    if not isinstance(base_url, str) or not urlsplit(base_url).netloc:
        return ["baseUrl: must be an absolute URL"]
    faults = []
    parts = urlsplit(base_url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        faults.append("baseUrl: must be https unless it is on the loopback address")
    if not url.startswith(base_url.rstrip("/") + "/"):
        faults.append(f"baseUrl: the descriptor must be served below it ({base_url}), not at {url}")
    return faults


class Installer:
    """Installs, disables and removes apps on one site."""

    def __init__(self, world: World, site: Site) -> None:
        """The world holds the key that `installed` is signed with."""
        self.world = world
        self.site = site
        self._told: dict[tuple[str, str], int] = {}
        self._pace = threading.Lock()

    def fetch(self, url: str) -> JsonDict:
        """Fetch and check a descriptor. Raises JiraError 400 with the list of faults."""
        try:
            answer = requests.get(url, timeout=TIMEOUT_S)
            answer.raise_for_status()
            descriptor = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise JiraError(400, f"descriptorUrl: cannot be read as JSON: {error}") from None
        faults = descriptor_faults(descriptor, url)
        if faults:
            raise JiraError(400, *faults)
        found: JsonDict = descriptor
        return found

    def install(self, url: str) -> AppInstall:
        """Install or re-install from a descriptor. Raises JiraError 400 or 502."""
        descriptor = self.fetch(url)
        with _install_lock:
            return self._install(descriptor, url)

    def _install(self, descriptor: JsonDict, url: str) -> AppInstall:
        key = descriptor["key"]
        old = self.site.apps.get(key)
        app = AppInstall(
            key=key,
            client_key=stable_uuid(self.site.name, "client", key),
            shared_secret=secrets.token_urlsafe(48),
            descriptor=descriptor,
            descriptor_url=url,
            base_url=descriptor["baseUrl"].rstrip("/"),
            scopes=frozenset(descriptor.get("scopes", [])),
            user_id=f"557058:{stable_uuid(self.site.name, 'app', key)}",
            properties=old.properties if old else {},
        )
        self.tell(app, "installed")
        with self.site.lock:
            self.site.users[app.user_id] = User(
                account_id=app.user_id,
                display_name=str(descriptor.get("name") or key),
                account_type="app",
                time_zone=self.site.time_zone,
            )
            self.site.apps[key] = app
        self._tell_quietly(app, "enabled")
        return app

    def uninstall(self, app: AppInstall) -> None:
        """Disable and remove; as with Jira, the app's refusal does not keep it installed."""
        with self.site.lock:
            self.site.apps.pop(app.key, None)
        self._tell_quietly(app, "disabled")
        self._tell_quietly(app, "uninstalled")

    def switch(self, app: AppInstall, *, enabled: bool) -> None:
        """Enable or disable."""
        with self.site.lock:
            app.enabled = enabled
        self._tell_quietly(app, "enabled" if enabled else "disabled")

    def _tell_quietly(self, app: AppInstall, event: str) -> None:
        if event in app.descriptor["lifecycle"]:
            try:
                self.tell(app, event)
            except JiraError as error:
                self.site.emit("sandbox:lifecycle_refused", app=app.key, error=error.messages)

    def tell(self, app: AppInstall, event: str) -> None:
        """Make one lifecycle call. Raises JiraError 502 when the app does not answer 2xx."""
        url = app.base_url + app.descriptor["lifecycle"][event]
        self._wait_for_another_second(app, event)
        qsh = tokens.hash_of_url("POST", url, app.base_url)
        if event in ("installed", "uninstalled"):
            payload = tokens.claims(app.client_key, qsh, aud=[app.base_url])
            token = tokens.sign_rs256(self.world.private_pem, self.world.kid, payload)
        else:
            token = tokens.sign_hs256(app.shared_secret, tokens.claims(app.client_key, qsh))
        try:
            answer = requests.post(
                url,
                json=self.body(app, event),
                headers={"Authorization": f"JWT {token}"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _refused(event, 0, str(error)) from None
        if not answer.ok or answer.is_redirect:
            raise _refused(event, answer.status_code, answer.text[:500])

    def _wait_for_another_second(self, app: AppInstall, event: str) -> None:
        """Two calls of one kind within a second would carry the very same token; people who click
        in Jira are not that fast."""
        with self._pace:
            last = self._told.get((app.client_key, event))
            if last is not None and last == int(time.time()):
                time.sleep(max(0.0, last + 1.01 - time.time()))
            self._told[app.client_key, event] = int(time.time())

    def body(self, app: AppInstall, event: str) -> JsonDict:
        """The body of a lifecycle call; only `installed` carries the secret."""
        found: JsonDict = {
            "key": app.key,
            "clientKey": app.client_key,
            "publicKey": "",
            "sharedSecret": app.shared_secret,
            "serverVersion": "100285",
            "pluginsVersion": "1001.0.0-SNAPSHOT",
            "baseUrl": self.site.base_url,
            "displayUrl": self.site.base_url,
            "displayUrlServicedeskHelpCenter": self.site.base_url,
            "productType": "jira",
            "description": f"Jira site {self.site.title}",
            "eventType": event,
            "cloudId": self.site.cloud_id,
        }
        if event != "installed":
            del found["sharedSecret"]
        return found


def _refused(event: str, status: int, text: str) -> JiraError:
    message = f"The app answered its '{event}' call with {status or 'no answer'}: {text}"
    return JiraError(502, message, body={"errorMessages": [message], "status": status})
