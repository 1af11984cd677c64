"""The guard on calls outward: where to, how much and for how long.

A session of `guarded_session` looks at every address at the moment its socket opens, and connects
to the address that it looked at. A name that is harmless when checked and harmful when called, or
a redirect to an inner machine, ends there.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import allowed_gai_family
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from app.jira.addresses import NetworkPolicy, check_url, cure
from app.said import Said, said, together
from app.settings import is_loopback_host

__all__ = [
    "AddressRefused",
    "NetworkPolicy",
    "SentTooMuch",
    "Stopped",
    "TookTooLong",
    "check_url",
    "guarded_session",
    "streaming_session",
]

# Its warnings repeat URLs and certificates; what a site is called is not for every log.
logging.getLogger("urllib3").setLevel(logging.ERROR)

ANSWER_LIMIT = 32 * 1024 * 1024  # bytes, after unpacking
FRAMING = 1024 * 1024  # bytes that headers and chunk sizes may add on the wire
CALL_SECONDS = 60.0
POOL = 32  # open connections that are kept, for each site


class Stopped(Exception):
    """The guard ended a call; the text goes on after the name of the site.

    Not an OSError: urllib3 and requests would wrap that, and hide the reason.
    """


class AddressRefused(Stopped):
    """A name led to an address that must not be called. Says its kind, never the address."""


class SentTooMuch(Stopped):
    """The answer passed the limit."""


class TookTooLong(Stopped):
    """The call as a whole passed its time."""


class _Call:
    """What is left for the call that runs in this context."""

    def __init__(self, policy: NetworkPolicy, limit: int, seconds: float) -> None:
        self.policy = policy
        self._limit = limit
        self._wire = limit + FRAMING
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until the deadline. Raises TookTooLong."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TookTooLong(
                said("took longer than %(seconds)s seconds", seconds=f"{self._seconds:g}")
            )
        return left

    def received(self, count: int) -> None:
        """Count bytes off the wire: headers and chunk sizes have no other limit."""
        self._wire -= count
        if self._wire < 0:
            self._too_much()

    def content(self, answer: requests.Response) -> bytes:
        """The unpacked body. Raises SentTooMuch before more than the limit is held."""
        pieces, size = [], 0
        for piece in answer.iter_content(65536):
            size += len(piece)
            if size > self._limit:
                self._too_much()
            pieces.append(piece)
        return b"".join(pieces)

    def _too_much(self) -> NoReturn:
        mega = self._limit // (1024 * 1024)
        raise SentTooMuch(
            said("sent more than %(count)s MB", count=mega)
            if mega
            else said("sent more than %(count)s bytes", count=self._limit)
        )


# Set by the adapter around a call. Without it no socket opens and none reads.
_call: ContextVar[_Call] = ContextVar("_call")


class _Socket(socket.socket):
    """A socket whose every step ends at the call's deadline, however often it makes progress."""

    _silence: float | None = None

    def settimeout(self, value: float | None) -> None:
        self._silence = value
        super().settimeout(value)

    @contextmanager
    def timed(self) -> Iterator[_Call]:
        """One step: it may take what is left of the call, and no longer a silence than was set."""
        call = _call.get()
        left = call.left()
        super().settimeout(left if self._silence is None else min(left, self._silence))
        try:
            yield call
        except TimeoutError:
            call.left()
            raise

    def connect(self, address: Any) -> None:
        with self.timed():
            super().connect(address)

    def sendall(self, *args: Any) -> None:
        with self.timed():
            super().sendall(*args)

    def recv_into(self, *args: Any) -> int:
        with self.timed() as call:
            count = super().recv_into(*args)
        call.received(count)
        return count


class _TlsSocket(_Socket, ssl.SSLSocket):
    """The same under TLS, whose handshake is a step too."""

    def do_handshake(self, block: bool = False) -> None:
        with self.timed():
            super().do_handshake(block)


def _open(host: str, port: int, timeout: Any, options: Any, *, plain: bool) -> socket.socket:
    """A socket to an address of the host that was checked, of one look-up. Raises OSError."""
    policy = _call.get().policy
    found = socket.getaddrinfo(host.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    # One bad address refuses them all: a name that mixes them only waits for the public one to
    # fail and the inner one to be tried, and skipping would hide a fault of an honest one.
    for *_, where in found:
        kind = policy.refusal(str(where[0]))
        if kind is not None:
            raise AddressRefused(
                together(
                    [
                        said("leads to a %(kind)s address, which is not called.", kind=Said(kind)),
                        cure(kind),
                    ]
                )
            )
        if plain and not is_loopback_host(str(where[0])):
            raise AddressRefused(
                said("is no loopback address, and only those are called without TLS.")
            )
    fault: OSError | None = None
    for family, kind_of, protocol, _, where in found:
        opened = _Socket(family, kind_of, protocol)
        try:
            for option in options or ():
                opened.setsockopt(*option)
            opened.settimeout(timeout)
            opened.connect(where)
            return opened
        except BaseException as one:
            opened.close()
            if not isinstance(one, OSError):
                raise
            fault = one
    raise fault or OSError("the name has no address")


class _Connection(HTTPConnection):
    plain = True

    def _new_conn(self) -> socket.socket:
        host = self._dns_host
        try:
            return _open(host, self.port, self.timeout, self.socket_options, plain=self.plain)
        except socket.gaierror as fault:
            raise NameResolutionError(self.host, self, fault) from fault
        except TimeoutError as fault:
            raise ConnectTimeoutError(self, "no connection in time") from fault
        except OSError as fault:
            raise NewConnectionError(self, f"no connection: {fault}") from fault


class _TlsConnection(_Connection, HTTPSConnection):
    plain = False

    def connect(self) -> None:
        # The context that urllib3 would make; the certificate is still checked for the host's name.
        self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
        self.ssl_context.sslsocket_class = _TlsSocket
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class GuardedAdapter(HTTPAdapter):
    """Sends each call under the policy and the limits, and reads the whole answer under them."""

    def __init__(self, policy: NetworkPolicy, answer_limit: int, seconds: float) -> None:
        self._limits = (policy, answer_limit, seconds)
        super().__init__(pool_connections=1, pool_maxsize=POOL, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """See HTTPAdapter: the pools open our connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(self, request: Any, *_: Any, **options: Any) -> requests.Response:
        """See HTTPAdapter; no proxy, and the body is read here. Raises Stopped."""
        call = _Call(*self._limits)
        options |= {"stream": True, "proxies": None}
        token = _call.set(call)
        try:
            answer = super().send(request, **options)
            try:
                answer._content = call.content(answer)
            except BaseException:
                answer.close()
                raise
            return answer
        finally:
            _call.reset(token)


class StreamingAdapter(GuardedAdapter):
    """Sends each call under the limits of the block around it, and leaves the answer unread."""

    def send(self, request: Any, *_: Any, **options: Any) -> requests.Response:
        """See HTTPAdapter; no proxy. Outside of the block no socket opens and none reads."""
        return HTTPAdapter.send(self, request, **(options | {"stream": True, "proxies": None}))


class _Session(requests.Session):
    def send(self, *args: Any, **options: Any) -> requests.Response:
        """See Session. Some odd answers (a negative chunk, a redirect to `http://[`) get through
        the libraries as bare errors; callers shall not need to know."""
        try:
            return super().send(*args, **options)
        except requests.RequestException:
            raise
        except (ValueError, OverflowError, HTTPError) as fault:
            raise requests.ConnectionError("the answer is not HTTP") from fault


def guarded_session(
    policy: NetworkPolicy,
    *,
    auth: AuthBase | None = None,
    answer_limit: int = ANSWER_LIMIT,
    seconds: float = CALL_SECONDS,
) -> requests.Session:
    """A session that calls only where the policy lets it, under the limits. Calls raise Stopped."""
    return _session(GuardedAdapter(policy, answer_limit, seconds), auth)


@contextmanager
def streaming_session(
    policy: NetworkPolicy, *, auth: AuthBase | None, limit: int, seconds: float
) -> Iterator[requests.Session]:
    """A session for one call with a long body: its answer is read piece by piece in the block.

    `limit` and `seconds` are for all that is received in the block, and for the block as a whole.
    """
    token = _call.set(_Call(policy, limit, seconds))
    try:
        with _session(StreamingAdapter(policy, limit, seconds), auth) as session:
            yield session
    finally:
        _call.reset(token)


def _session(adapter: GuardedAdapter, auth: AuthBase | None) -> requests.Session:
    session = _Session()
    session.auth = auth
    # A proxy or a .netrc of the machine's must not see or replace our tokens.
    session.trust_env = False
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
