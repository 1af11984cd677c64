"""The `sandbox` command."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import click

from sandbox.model import JsonDict

DEFAULT_OPENAPI = Path(__file__).resolve().parents[2] / "shared/data/jira-cloud-v3-openapi.json"
THREADS = 16
LARGEST = 1 << 40  # bytes of a request; how large a file may be is for the site's rules to say
YOUNG_OBJECTS = 10_000  # before the collector looks at them; Python's own value is 700


@click.group()
def main() -> None:
    """A stand-in for Jira Cloud sites, for the demo and the tests of Tandem."""


@main.command()
@click.option("--hub-port", default=8700, show_default=True, help="0 picks a free port.")
@click.option("--acme-port", default=8701, show_default=True, help="0 picks a free port.")
@click.option("--globex-port", default=8702, show_default=True, help="0 picks a free port.")
@click.option("--sites", default=2, show_default=True, type=click.IntRange(2, 5), help="How many.")
@click.option(
    "--further-port",
    default=8703,
    show_default=True,
    help="Port of the third site, the fourth has the next; 0 picks free ones.",
)
@click.option("--issues", default=0, show_default=True, help="Extra issues per site.")
@click.option("--seed", default=1, show_default=True, help="Seed of faults, jitter and shuffles.")
@click.option("--announce", type=click.Path(path_type=Path), help="Write addresses here as JSON.")
@click.option("--openapi", type=click.Path(path_type=Path), help="Atlassian's document of REST v3.")
@click.option("--delivery-delay", default=150, show_default=True, help="Webhook delay in ms.")
@click.option("--index-delay", default=400, show_default=True, help="Search index lag in ms.")
@click.option("--threads", default=THREADS, show_default=True, help="Calls at a time per site.")
def serve(
    *,
    hub_port: int,
    acme_port: int,
    globex_port: int,
    sites: int,
    further_port: int,
    issues: int,
    seed: int,
    announce: Path | None,
    openapi: Path | None,
    delivery_delay: int,
    index_delay: int,
    threads: int,
) -> None:
    """Serve the hub and the sites on 127.0.0.1 until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("waitress").setLevel(logging.WARNING)
    # Queue depth says nothing here but that a test is busy.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    ports = {"hub": hub_port, "acme": acme_port, "globex": globex_port}
    ports |= _further_ports(sites - len(ports) + 1, further_port)
    sockets = {name: _bind(name, port) for name, port in ports.items()}
    origins = {name: f"http://127.0.0.1:{s.getsockname()[1]}" for name, s in sockets.items()}
    document = _document(openapi)
    world = _world(
        origins=origins,
        document=document,
        seed=seed,
        index_delay=index_delay,
        issues=issues,
        delivery_delay=delivery_delay,
    )
    servers = _servers(world, sockets, threads)
    # The document and the seed stay to the end: the garbage collector need not walk them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        threading.Thread(target=server.run, daemon=True).start()
    if announce:
        _announce(announce, world)
    check = "checked against Atlassian's document" if document else "UNCHECKED: no OpenAPI document"
    click.echo("sandbox: " + "  ".join(f"{n} {url}" for n, url in origins.items()) + f"  ({check})")
    stop.wait()
    from sandbox import richtext

    richtext.close()
    world.files.close()
    # Worker threads may hang in a fault's sleep; nothing here needs saving.
    os._exit(0)


def _further_ports(count: int, first: int) -> dict[str, int]:
    from sandbox.more_seeds import add_further

    names = add_further(count)
    return {name: first and first + number for number, name in enumerate(names)}


def _bind(name: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
    except OSError as error:
        option = f"{name}-port" if name in ("hub", "acme", "globex") else "further-port"
        raise click.ClickException(
            f"--{option} {port}: cannot listen there ({error.strerror}); "
            "stop what uses it or choose another port, 0 for any free one"
        ) from None
    return found


def _document(given: Path | None) -> Path | None:
    if given is not None:
        return given
    return DEFAULT_OPENAPI if DEFAULT_OPENAPI.exists() else None


def _world(
    *,
    origins: dict[str, str],
    document: Path | None,
    seed: int,
    index_delay: int,
    issues: int,
    delivery_delay: int,
) -> Any:
    from sandbox.control import make_issues
    from sandbox.world import build_world

    sites = {name: origin for name, origin in origins.items() if name != "hub"}
    try:
        world = build_world(
            hub_url=origins["hub"],
            origins=sites,
            openapi=document,
            seed=seed,
            index_delay_ms=index_delay,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    for name, site in world.sites.items():
        world.engines[name].defaults = {"delayMs": delivery_delay}
        world.engines[name].restore()
        if issues:
            make_issues(site, issues, None, None, webhooks=False)
            site.index_now()
    return world


def _servers(world: Any, sockets: dict[str, socket.socket], threads: int) -> list[Any]:
    import waitress

    from sandbox.hub import create_hub_app
    from sandbox.server import create_site_app

    servers = []
    for name, sock in sockets.items():
        app = create_hub_app(world) if name == "hub" else create_site_app(world, world.sites[name])
        servers.append(
            waitress.create_server(
                app,
                sockets=[sock],
                threads=4 if name == "hub" else threads,
                max_request_body_size=LARGEST,
                channel_timeout=300,
                connection_limit=500,
                ident="AtlassianEdge",
                clear_untrusted_proxy_headers=True,
            )
        )
    return servers


def _announce(path: Path, world: Any) -> None:
    users = {name: [_user(u) for u in site.people()] for name, site in world.sites.items()}
    admins = {name: next(u for u in rows if u["admin"]) for name, rows in users.items()}
    content = {
        "hub": world.hub_url,
        "installKeys": f"{world.hub_url}/install-keys",
        "sites": {name: site.base_url for name, site in world.sites.items()},
        "admins": admins,
        "users": users,
        "pid": os.getpid(),
    }
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(content, indent=1))
    fresh.replace(path)


def _user(user: Any) -> JsonDict:
    return {
        "email": user.email,
        "token": user.token,
        "accountId": user.account_id,
        "displayName": user.display_name,
        "admin": user.admin,
    }


if __name__ == "__main__":
    main()
