"""Everything one sandbox process holds: the sites, the installer's key, switches, document."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.limits import Limits
from sandbox.linking import seed_types
from sandbox.media import Store
from sandbox.openapi import Document
from sandbox.refusals import Refusals
from sandbox.seed import build_site
from sandbox.site import Site
from sandbox.traffic import Calls, Faults

LINK_TYPES_FROM = 10_000  # ids of the first site's kinds of links; each site has its own


@dataclass
class World:
    """The sandbox as a whole. `origins` are the sites' base URLs by name."""

    hub_url: str
    sites: dict[str, Site]
    document: Document
    rng: random.Random
    limits: Limits = field(default_factory=Limits)
    calls: dict[str, Calls] = field(default_factory=dict)
    faults: dict[str, Faults] = field(default_factory=dict)
    refusals: dict[str, Refusals] = field(default_factory=dict)
    engines: dict[str, Any] = field(default_factory=dict)
    files: Store = field(default_factory=Store)
    kid: str = field(default_factory=lambda: str(uuid.uuid4()))
    private_pem: bytes = b""
    public_pem: str = ""
    # Answers that broke Atlassian's document; tests look here.
    broken_answers: list[str] = field(default_factory=list)


def build_world(
    *, hub_url: str, origins: dict[str, str], openapi: Path | None, seed: int, index_delay_ms: int
) -> World:
    """Make the world with its seeded sites. Raises ValueError for an unreadable document."""
    from sandbox.webhooks import WebhookEngine

    sites = {name: build_site(name, origin) for name, origin in origins.items()}
    world = World(hub_url, sites, Document.load(openapi), random.Random(seed))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.private_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    world.public_pem = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    for number, (name, site) in enumerate(sites.items()):
        seed_types(site, LINK_TYPES_FROM + 100 * number)
        site.index_delay_ms = index_delay_ms
        world.calls[name] = Calls()
        world.faults[name] = Faults(random.Random(seed))
        world.refusals[name] = Refusals()
        world.engines[name] = WebhookEngine(world, site, random.Random(seed))
        site.listeners.append(world.engines[name].on_event)
    return world
