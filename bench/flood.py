"""A load of webhooks from a process of its own: prepared requests over kept connections."""

from __future__ import annotations

import json
import multiprocessing
import selectors
import socket
import time
from typing import Any, cast
from urllib.parse import urlsplit

CONNECTIONS = 64
FIRST = 1_000_000_000  # ids of issues; each delivery is about another one
PLACE = b"0000000000"  # stands for the id in the prepared body


def flood(url: str, token: str, body: dict[str, Any], seconds: float) -> float:
    """Deliveries a second that were answered 204. Raises RuntimeError for any other answer."""
    content = json.dumps({**body, "issue": {**body["issue"], "id": PLACE.decode()}}).encode()
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: JWT {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    address = (parts.hostname or "", parts.port or 80)
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    sender = context.Process(
        target=_send, args=(address, head.encode() + content, seconds, results)
    )
    sender.start()
    rate, fault = results.get()
    sender.join()
    if fault:
        raise RuntimeError(f"a delivery was refused: {fault}")
    return float(rate)


def _send(address: tuple[str, int], prepared: bytes, seconds: float, results: Any) -> None:
    """One thread that waits for all connections at once: it takes little of the machine."""
    before, _, after = prepared.partition(PLACE)
    ready = selectors.DefaultSelector()
    sent = answered = 0
    fault = ""
    began = time.monotonic()
    wires = [socket.create_connection(address) for _ in range(CONNECTIONS)]
    for wire in wires:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ready.register(wire, selectors.EVENT_READ)
        wire.sendall(before + str(FIRST + sent).encode() + after)
        sent += 1
    while not fault and time.monotonic() - began < seconds:
        for key, _ in ready.select(1):
            wire = cast("socket.socket", key.fileobj)
            answer = wire.recv(65536)
            if not answer.startswith(b"HTTP/1.1 204") or not answer.endswith(b"\r\n\r\n"):
                fault = answer[:300].decode(errors="replace") or "the connection was closed"
                break
            answered += 1
            wire.sendall(before + str(FIRST + sent).encode() + after)
            sent += 1
    elapsed = time.monotonic() - began
    for wire in wires:
        wire.close()
    results.put((answered / elapsed, fault))
