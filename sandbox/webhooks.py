"""Delivers webhooks as Jira does: signed, late, at least once, in no promised order.

Reference: https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import urllib3

from sandbox import tokens
from sandbox.jql import JqlError, compile_jql
from sandbox.model import AppInstall, Issue, JsonDict
from sandbox.modules import fill
from sandbox.site import Site
from sandbox.webhook_bodies import Event, SiteEvent, body_of

if TYPE_CHECKING:
    from sandbox.world import World

LOG = logging.getLogger("sandbox.webhooks")
WORKERS = 6
RETRY_STATUSES = frozenset({408, 409, 425, 429})
RETRIES = 5


@dataclass
class Switches:
    """How deliveries go. Times in milliseconds, `drop` and `duplicate` are probabilities."""

    delayMs: int = 150
    jitterMs: int = 50
    drop: float = 0.0
    duplicate: float = 0.0
    shuffle: bool = False
    hold: bool = False
    # First wait before a retry; it doubles each time. Jira waits minutes.
    retryMs: int = 1000
    timeoutMs: int = 20_000

    def update(self, given: JsonDict) -> None:
        """Take the given switches, all or none. Raises ValueError that names what is wrong."""
        known = vars(self)
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"unknown switch {name!r}; known: {sorted(known)}")
            if isinstance(known[name], bool) != isinstance(value, bool):
                raise ValueError(f"{name}: true and false are for shuffle and hold only")
            if not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name}: must be a number of at least 0")
            if name in ("drop", "duplicate") and value > 1:
                raise ValueError(f"{name}: must be between 0 and 1")
        for name, value in given.items():
            setattr(self, name, value)


@dataclass(order=True)
class Delivery:
    """One delivery on its way. `due` is monotonic seconds."""

    due: float
    number: int
    app: AppInstall = field(compare=False)
    url: str = field(compare=False)
    event: Event | SiteEvent = field(compare=False)
    identifier: str = field(compare=False)
    excludes_body: bool = field(compare=False, default=False)
    attempt: int = field(compare=False, default=0)
    data: bytes | None = field(compare=False, default=None)


class WebhookEngine:
    """The webhooks of one site: a heap of deliveries by due time and a few workers."""

    def __init__(self, world: World, site: Site, rng: random.Random) -> None:
        """`rng` decides on jitter, drops, duplicates and shuffling."""
        self.world = world
        self.site = site
        # What `restore` goes back to.
        self.defaults: JsonDict = {}
        self.switches = Switches()
        self._rng = rng
        self._heap: list[Delivery] = []
        self._held: list[Delivery] = []
        self._log: deque[JsonDict] = deque(maxlen=10_000)
        self._busy = 0
        self._numbers = itertools.count(1)
        self._ready = threading.Condition()
        self._started = False

    # --- from events to deliveries -----------------------------------------------------

    def on_event(self, site: Site, name: str, **details: Any) -> None:
        """Take an event of the site (its lock is held) and queue what apps want to hear."""
        if name.startswith("sandbox:"):
            return
        kind = SiteEvent if "told" in details else Event
        event = kind(name, site.now_ms(), **details)
        for app in list(site.apps.values()):
            if not app.enabled:
                continue
            for hook in app.modules.get("webhooks", []):
                if self._wants(app, hook, event):
                    self._queue(app, hook, event)

    def _wants(self, app: AppInstall, hook: JsonDict, event: Event | SiteEvent) -> bool:
        if hook["event"] != event.name:
            return False
        if isinstance(event, SiteEvent):
            return True
        keys = hook.get("propertyKeys")
        if keys and event.property_key not in keys:
            return False
        jql = hook.get("filter")
        if not jql:
            return True
        try:
            query, _ = compile_jql(
                self.site, jql, account_id=app.user_id, time_zone=self.site.time_zone
            )
        except JqlError as error:
            LOG.error("webhook filter %r of %s is refused: %s", jql, app.key, error)
            return False
        return query.matches(event.issue)

    def _queue(self, app: AppInstall, hook: JsonDict, event: Event | SiteEvent) -> None:
        switches = self.switches
        number = next(self._numbers)
        context = {} if isinstance(event, SiteEvent) else self._context(event.issue)
        delivery = Delivery(
            due=time.monotonic() + self._delay(),
            number=number,
            app=app,
            url=app.base_url + fill(hook["url"], context),
            event=event,
            identifier=f"{self.site.cloud_id[:8]}-{self.site.now_ms()}-{number}",
            excludes_body=bool(hook.get("excludeBody")),
        )
        if self._rng.random() < switches.drop:
            self._note(delivery, status="dropped")
            return
        self._put(delivery)
        if self._rng.random() < switches.duplicate:
            twin = Delivery(**{**vars(delivery), "due": delivery.due + self._rng.random() * 2})
            self._put(twin)

    def _context(self, issue: Issue) -> JsonDict:
        project = self.site.projects[issue.project_id]
        return {
            "issue": {"id": issue.id, "key": issue.key},
            "project": {"id": project.id, "key": project.key},
        }

    def _delay(self) -> float:
        switches = self.switches
        jitter = self._rng.uniform(-switches.jitterMs, switches.jitterMs)
        if switches.shuffle:
            # Far enough apart that neighbours really change places.
            jitter += self._rng.uniform(0, 10 * (switches.delayMs + switches.jitterMs))
        return max(0.0, switches.delayMs + jitter) / 1000

    def _put(self, delivery: Delivery) -> None:
        with self._ready:
            if self.switches.hold and delivery.attempt == 0:
                self._held.append(delivery)
                return
            if not self._started:
                self._started = True
                for _ in range(WORKERS):
                    threading.Thread(target=self._work, daemon=True).start()
            heapq.heappush(self._heap, delivery)
            self._ready.notify()

    def release(self) -> int:
        """Send what was held, in a shuffled order when asked. Returns how many."""
        with self._ready:
            held, self._held = self._held, []
        if self.switches.shuffle:
            self._rng.shuffle(held)
        was, self.switches.hold = self.switches.hold, False
        for delivery in held:
            delivery.due = time.monotonic()
            delivery.number = next(self._numbers)
            self._put(delivery)
        self.switches.hold = was
        return len(held)

    def pending(self) -> int:
        """Deliveries not yet done: waiting, being sent, or held."""
        with self._ready:
            return len(self._heap) + len(self._held) + self._busy

    def log(self, last: int) -> list[JsonDict]:
        """The last attempts, oldest first."""
        return list(self._log)[-last:] if last else []

    def restore(self) -> None:
        """Put the switches back to how the process was started."""
        self.switches = Switches(**self.defaults)

    def reset(self) -> None:
        """Forget everything queued and logged."""
        with self._ready:
            self._heap.clear()
            self._held.clear()
            self._log.clear()

    # --- from deliveries to the app ------------------------------------------------------

    def _work(self) -> None:
        client = urllib3.PoolManager(num_pools=2, retries=False)
        while True:
            delivery = self._take()
            try:
                self._send(client, delivery)
            except Exception:
                LOG.exception("webhook %s could not be made", delivery.identifier)
                self._note(delivery, status="failed")
            finally:
                with self._ready:
                    self._busy -= 1

    def _take(self) -> Delivery:
        with self._ready:
            while True:
                if self._heap:
                    wait = self._heap[0].due - time.monotonic()
                    if wait <= 0:
                        self._busy += 1
                        return heapq.heappop(self._heap)
                    self._ready.wait(wait)
                else:
                    self._ready.wait()

    def _send(self, client: urllib3.PoolManager, delivery: Delivery) -> None:
        app = self.site.apps.get(delivery.app.key)
        if app is None or not app.enabled:
            self._note(delivery, status="cancelled")
            return
        if delivery.data is None:
            delivery.data = self._body(delivery)
        qsh = tokens.hash_of_url("POST", delivery.url, app.base_url)
        token = tokens.sign_hs256(app.shared_secret, tokens.claims(app.client_key, qsh))
        headers = {
            "Authorization": f"JWT {token}",
            "Content-Type": "application/json; charset=UTF-8",
            "User-Agent": "Atlassian Webhook HTTP Client",
            "X-Atlassian-Webhook-Identifier": delivery.identifier,
            "X-Atlassian-Webhook-Flow": "Secondary" if delivery.event.secondary else "Primary",
        }
        if delivery.attempt:
            headers["X-Atlassian-Webhook-Retry"] = str(delivery.attempt)
        status: int | str
        try:
            answer = client.request(
                "POST",
                delivery.url,
                body=delivery.data,
                headers=headers,
                timeout=self.switches.timeoutMs / 1000,
                redirect=False,
            )
            status = answer.status
        except urllib3.exceptions.HTTPError as error:
            status = type(error).__name__
        self._note(delivery, status=status)
        if isinstance(status, str) or status in RETRY_STATUSES or status >= 500:
            self._again(delivery)

    def _body(self, delivery: Delivery) -> bytes:
        if delivery.excludes_body:
            return b""
        # Rendered here, from the snapshot: the site's lock is not held while node converts.
        body = body_of(self.site, delivery.event)
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    def _again(self, delivery: Delivery) -> None:
        if delivery.attempt >= RETRIES:
            return
        wait = self.switches.retryMs / 1000 * 2**delivery.attempt
        fresh = Delivery(**{
            **vars(delivery),
            "due": time.monotonic() + wait,
            "attempt": delivery.attempt + 1,
        })  # fmt: skip
        self._put(fresh)

    def _note(self, delivery: Delivery, *, status: int | str) -> None:
        self._log.append({
            "identifier": delivery.identifier,
            "app": delivery.app.key,
            "event": delivery.event.name,
            "issue": None if isinstance(delivery.event, SiteEvent) else delivery.event.issue.key,
            "attempt": delivery.attempt,
            "status": status,
            "time": self.site.now_ms(),
        })  # fmt: skip
