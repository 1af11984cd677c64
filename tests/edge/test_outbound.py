"""The guard on calls outward, against real sockets: names that move, redirects, floods, drips."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requests.auth import AuthBase

from app.jira.cloud import CloudSite
from app.jira.outbound import (
    AddressRefused,
    NetworkPolicy,
    SentTooMuch,
    TookTooLong,
    guarded_session,
)
from app.jira.site import SiteError
from tests.edge.servers import Answer, Authority, make_authority, ok, saying, serve

NAME = "jira.example.test"
PUBLIC_ONLY = NetworkPolicy()
LOOPBACK_TOO = NetworkPolicy(insecure_http=True)
MEGA = 1024 * 1024
Names = Callable[..., list[str]]


@pytest.fixture
def forward(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts the guard's clock forward by so many seconds; by itself it stands still."""
    now = [1000.0]
    monkeypatch.setattr("app.jira.outbound.time", SimpleNamespace(monotonic=lambda: now[0]))

    def step(seconds: float) -> None:
        now[0] += seconds

    return step


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Sets what each look-up of a name answers, in turn; gives the list of names looked up."""

    def answer(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        turns = iter(answers)

        def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            asked.append(host)
            return [
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
                if ":" in address
                else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in next(turns)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return answer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority whose certificate the sessions of `trusting` trust."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def own_address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


def own_network(address: str) -> NetworkPolicy:
    """A policy that allows this one address, and no loopback."""
    return NetworkPolicy((ip_network(address),))


def trusting(ca: Path, policy: NetworkPolicy, **limits: Any) -> requests.Session:
    """A guarded session that trusts this authority alone."""
    session = guarded_session(policy, **limits)
    session.verify = str(ca)
    return session


# -- where to


def test_the_address_that_was_checked_is_the_one_that_is_called(names: Names) -> None:
    # Both addresses would answer, so a second look-up would be seen to lead to the other.
    with serve(saying(ok()), address="0.0.0.0") as server:
        asked = names(["127.0.0.2"], ["127.0.0.1"])
        assert guarded_session(LOOPBACK_TOO).get(f"http://{NAME}:{server.port}").ok
    assert asked == [NAME]
    assert server.met == ["127.0.0.2"]
    assert f"Host: {NAME}:{server.port}".encode() in server.asked[0]


def test_an_open_connection_is_used_again_without_a_look_up(names: Names) -> None:
    with serve(saying(ok())) as server, guarded_session(LOOPBACK_TOO) as session:
        asked = names(["127.0.0.1"])
        for _ in range(3):
            assert session.get(f"http://{NAME}:{server.port}").ok
    assert asked == [NAME]
    assert len(server.asked) == 3


@pytest.mark.parametrize("second", ["10.0.0.1", "169.254.169.254", "::ffff:192.168.0.1", "fd12::1"])
def test_a_name_that_moves_to_an_inner_address_is_refused(names: Names, second: str) -> None:
    with serve(saying(ok(b"{}", "Connection: close"))) as server:
        asked = names(["127.0.0.1"], [second])
        session = guarded_session(LOOPBACK_TOO)
        assert session.get(f"http://{NAME}:{server.port}").ok
        with pytest.raises(AddressRefused) as refused:
            session.get(f"http://{NAME}:{server.port}")
    assert asked == [NAME, NAME]
    assert second not in str(refused.value)  # what our own network is like is nobody's business


def test_a_name_that_moves_to_loopback_is_refused(
    names: Names, own_address: str, authority: Authority
) -> None:
    with serve(
        saying(ok(b"{}", "Connection: close")), address="0.0.0.0", tls=authority.context(NAME)
    ) as server:
        asked = names([own_address], ["127.0.0.1"])
        session = trusting(authority.ca, own_network(own_address))
        assert session.get(f"https://{NAME}:{server.port}").ok
        with pytest.raises(AddressRefused, match="loopback"):
            session.get(f"https://{NAME}:{server.port}")
    assert asked == [NAME, NAME]
    assert server.met == [own_address]


@pytest.mark.parametrize("bad", ["10.0.0.1", "169.254.169.254", "fe80::1"])
@pytest.mark.parametrize("first", [True, False])
def test_one_bad_address_of_a_name_refuses_them_all(names: Names, bad: str, first: bool) -> None:
    with serve(saying(ok())) as server:
        names([bad, "127.0.0.1"] if first else ["127.0.0.1", bad])
        with pytest.raises(AddressRefused):
            guarded_session(LOOPBACK_TOO).get(f"http://{NAME}:{server.port}")
    assert server.met == []


def test_the_next_address_is_tried_when_one_does_not_answer(names: Names) -> None:
    with serve(saying(ok()), address="127.0.0.1") as server:
        asked = names(["127.0.0.3", "127.0.0.1"])
        assert guarded_session(LOOPBACK_TOO).get(f"http://{NAME}:{server.port}").ok
    assert asked == [NAME]


def test_a_name_that_leads_nowhere_is_an_ordinary_failure(names: Names) -> None:
    names([])
    with pytest.raises(requests.ConnectionError):
        guarded_session(PUBLIC_ONLY).get(f"https://{NAME}")


@pytest.mark.parametrize("host", ["nothing.invalid", "a" * 64 + ".example.test"])
def test_a_name_that_the_resolver_refuses_is_an_ordinary_failure(host: str) -> None:
    with pytest.raises(requests.ConnectionError):
        guarded_session(PUBLIC_ONLY).get(f"https://{host}")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0"),
        *("2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001", "0", "[::]"),
        *("3232235777", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "10.1"),
    ],
)
def test_a_spelling_that_slips_past_every_parser_ends_at_the_socket(host: str) -> None:
    # The machine's own resolver reads these; none of them went through check_url.
    with serve(saying(ok()), address="0.0.0.0") as server:
        with pytest.raises((AddressRefused, requests.ConnectionError)) as refused:
            guarded_session(PUBLIC_ONLY).get(f"https://{host}:{server.port}")
        if not host.startswith("["):  # a machine without IPv6 has no look-up for it
            assert refused.type is AddressRefused
    assert server.met == []


@pytest.mark.parametrize(
    "target",
    [
        *("http://10.0.0.1/", "https://192.168.1.1/", "http://169.254.169.254/latest/meta-data/"),
        *("https://100.100.100.200/", "https://3232235777/", "https://0x0a.1/"),
        "//169.254.169.254/latest/",
    ],
)
def test_a_redirect_to_an_inner_address_fails_at_the_socket(target: str) -> None:
    answer = ok(b"", f"Location: {target}", status="302 Found")
    with serve(saying(answer)) as server, pytest.raises(AddressRefused):
        guarded_session(LOOPBACK_TOO).get(f"http://127.0.0.1:{server.port}")
    assert len(server.asked) == 1


def test_a_redirect_to_loopback_fails_at_the_socket(own_address: str, authority: Authority) -> None:
    with serve(saying(ok())) as inner:
        answer = ok(b"", f"Location: http://127.0.0.1:{inner.port}/", status="307 Over there")
        tls = authority.context(own_address)
        with serve(saying(answer), address=own_address, tls=tls) as outer:
            session = trusting(authority.ca, own_network(own_address))
            with pytest.raises(AddressRefused, match="loopback"):
                session.get(f"https://{own_address}:{outer.port}")
            assert len(outer.asked) == 1
    assert inner.met == []


def test_an_allowed_network_lets_a_private_address_through(
    own_address: str, authority: Authority
) -> None:
    url = f"https://{own_address}"
    with serve(saying(ok()), address=own_address, tls=authority.context(own_address)) as server:
        policy = own_network(own_address)
        assert trusting(authority.ca, policy).get(f"{url}:{server.port}").ok
        if PUBLIC_ONLY.refusal(own_address):
            with pytest.raises(AddressRefused):
                trusting(authority.ca, PUBLIC_ONLY).get(f"{url}:{server.port}")
    assert len(server.asked) == 1


def test_metadata_is_not_called_whatever_is_allowed(names: Names) -> None:
    everything = NetworkPolicy((ip_network("0.0.0.0/0"), ip_network("::/0")), insecure_http=True)
    for address in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "64:ff9b::a9fe:a9fe"):
        names([address])
        with pytest.raises(AddressRefused, match="metadata"):
            guarded_session(everything).get("https://metadata.google.internal")


def test_plain_http_goes_to_loopback_alone(own_address: str) -> None:
    policy = NetworkPolicy((ip_network(own_address),), insecure_http=True)
    with serve(saying(ok()), address="0.0.0.0") as server:
        with pytest.raises(AddressRefused, match="without TLS"):
            guarded_session(policy).get(f"http://{own_address}:{server.port}")
        with pytest.raises(AddressRefused, match="loopback"):
            guarded_session(PUBLIC_ONLY).get(f"http://127.0.0.1:{server.port}")
    assert server.met == []


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(saying(ok(b"site"))) as site, serve(saying(ok(b"proxy"))) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
        session = guarded_session(LOOPBACK_TOO)
        url = f"http://127.0.0.1:{site.port}"
        assert session.get(url).content == b"site"
        assert session.get(url, proxies={"http": address, "all": address}).content == b"site"
    assert proxy.met == []


# -- TLS


def test_a_certificate_that_nobody_vouches_for_is_refused(
    names: Names, authority: Authority
) -> None:
    with serve(saying(ok()), tls=authority.context(NAME)) as server:
        names(["127.0.0.1"])
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            guarded_session(LOOPBACK_TOO).get(f"https://{NAME}:{server.port}")
    assert server.asked == []


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(
    names: Names, authority: Authority
) -> None:
    with serve(saying(ok()), tls=authority.context(NAME)) as server:
        names(["127.0.0.1"], ["127.0.0.1"])
        session = trusting(authority.ca, LOOPBACK_TOO)
        assert session.get(f"https://{NAME}:{server.port}").ok
        with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
            session.get(f"https://other.example.test:{server.port}")
    assert server.names == [NAME, "other.example.test"]
    assert len(server.asked) == 1


def test_a_certificate_for_the_address_does_not_serve_for_the_name(
    names: Names, authority: Authority
) -> None:
    with serve(saying(ok()), tls=authority.context("127.0.0.1")) as server:
        names(["127.0.0.1"])
        with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
            trusting(authority.ca, LOOPBACK_TOO).get(f"https://{NAME}:{server.port}")


# -- how much


def endless(sent: list[int], piece: bytes, begin: bytes = b"") -> Answer:
    """Sends until it is cut off, or until 256 MB, and notes how many bytes went out."""

    def answer(wire: socket.socket) -> None:
        wire.sendall(begin)
        for _ in range(256 * MEGA // len(piece)):
            wire.sendall(piece)
            sent[0] += len(piece)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\n"
FLOODS = {
    "body without a length": (HEAD + b"\r\n", b"x" * 65536),
    "body with a length": (HEAD + b"Content-Length: 268435456\r\n\r\n", b"x" * 65536),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 32768 + b"\r\n"),
    "chunks of a byte": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 8192),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: " + b"b" * 997 + b"\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\nA: " + b"b" * 997 + b"\r\n\r\n"),
    "body of a refusal": (b"HTTP/1.1 503 No\r\n\r\n", b"x" * 65536),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_is_cut_off_at_the_limit(kind: str) -> None:
    begin, piece = FLOODS[kind]
    sent = [0]
    with (
        serve(endless(sent, piece, begin)) as server,
        pytest.raises(SentTooMuch, match="sent more than 2 MB"),
    ):
        guarded_session(LOOPBACK_TOO, answer_limit=2 * MEGA).get(f"http://127.0.0.1:{server.port}")
    assert sent[0] < 32 * MEGA  # what the two kernels hold besides what was read


def test_a_streamed_call_is_read_under_the_limit_too() -> None:
    sent = [0]
    with serve(endless(sent, b"x" * 65536, HEAD + b"\r\n")) as server, pytest.raises(SentTooMuch):
        guarded_session(LOOPBACK_TOO, answer_limit=2 * MEGA).get(
            f"http://127.0.0.1:{server.port}", stream=True
        )


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_packed_answer_counts_by_its_unpacked_size(layers: int, chunked: bool) -> None:
    packed = b"[" + b" " * (3 * MEGA) + b"]"
    for _ in range(layers):
        packed = gzip.compress(packed)
    assert len(packed) < 8192
    coding = "Content-Encoding: " + ", ".join(["gzip"] * layers)
    whole = ok(packed, coding)
    if chunked:
        head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{coding}\r\n\r\n".encode()
        whole = head + f"{len(packed):x}\r\n".encode() + packed + b"\r\n0\r\n\r\n"
    with serve(saying(whole)) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert guarded_session(LOOPBACK_TOO, answer_limit=4 * MEGA).get(url).json() == []
        with pytest.raises(SentTooMuch):
            guarded_session(LOOPBACK_TOO, answer_limit=2 * MEGA).get(url)


def test_an_answer_of_just_the_limit_passes_whole() -> None:
    body = bytes(range(256)) * 4096
    with (
        serve(saying(ok(body))) as server,
        guarded_session(LOOPBACK_TOO, answer_limit=MEGA) as session,
    ):
        assert session.get(f"http://127.0.0.1:{server.port}").content == body


def test_one_byte_over_the_limit_is_too_much() -> None:
    with serve(saying(ok(b"x" * (MEGA + 1)))) as server, pytest.raises(SentTooMuch):
        guarded_session(LOOPBACK_TOO, answer_limit=MEGA).get(f"http://127.0.0.1:{server.port}")


# -- how long


def drip(before: bytes, slow: bytes, after: bytes = b"", *, end: bool = False) -> Answer:
    """Sends one part a byte at a time for some seconds, and then ends as it should."""

    def answer(wire: socket.socket) -> None:
        wire.sendall(before)
        for one in itertools.islice(itertools.cycle(slow), 250):
            wire.sendall(bytes([one]))
            time.sleep(0.02)
        wire.sendall(after)
        if end:
            wire.close()

    return answer


def late(wire: socket.socket) -> None:
    """Says nothing for some seconds."""
    time.sleep(5)
    wire.sendall(ok())


END = b"\r\nContent-Length: 2\r\n\r\n{}"
DRIPS = {
    "status line": drip(b"HTTP/1.1 200 ", b"O", END),
    "header": drip(HEAD + b"X-Slow: ", b"x", END),
    "many headers": drip(HEAD, b"a:\r\n", b"b: c" + END),
    "body with a length": drip(HEAD + b"Content-Length: 250\r\n\r\n", b"1"),
    "body without a length": drip(HEAD + b"Connection: close\r\n\r\n", b"1", end=True),
    "chunk": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfa\r\n", b"1", b"\r\n0\r\n\r\n"),
    "size of a chunk": drip(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", b"2\r\n{}\r\n0\r\n\r\n"
    ),
    "trailer": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x", b"\r\n\r\n"),
    "nothing at all": late,
}


@pytest.mark.parametrize("kind", DRIPS)
@pytest.mark.parametrize("under_tls", [False, True])
def test_a_drip_ends_at_the_deadline(
    kind: str, under_tls: bool, names: Names, authority: Authority
) -> None:
    tls = authority.context(NAME) if under_tls else None
    names(["127.0.0.1"])
    with serve(DRIPS[kind], tls=tls) as server:
        session = trusting(authority.ca, LOOPBACK_TOO, seconds=0.5)
        scheme = "https" if under_tls else "http"
        with pytest.raises(TookTooLong, match=r"took longer than 0\.5 seconds"):
            session.get(f"{scheme}://{NAME}:{server.port}", timeout=30)


def test_a_drip_in_the_handshake_ends_at_the_deadline(names: Names) -> None:
    names(["127.0.0.1"])
    record = b"\x16\x03\x03\x40\x00"  # a handshake record of 16 KB is to come
    with serve(drip(record, b"\x02"), read_head=False) as server, pytest.raises(TookTooLong):
        guarded_session(LOOPBACK_TOO, seconds=0.5).get(f"https://{NAME}:{server.port}", timeout=30)


def test_a_connection_that_is_never_made_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(8)]  # fill the queue: the next hello is dropped
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        with pytest.raises(TookTooLong):
            guarded_session(LOOPBACK_TOO, seconds=0.5).get(
                f"http://127.0.0.1:{address[1]}", timeout=30
            )
        for one in waiting:
            one.close()


@pytest.mark.parametrize("under_tls", [False, True])
def test_a_site_that_takes_our_body_drop_by_drop_is_left_at_the_deadline(
    under_tls: bool, names: Names, authority: Authority
) -> None:
    whole: list[bool] = []

    def sip(wire: socket.socket) -> None:
        left = 16 * MEGA
        while left > 0:
            got = len(wire.recv(16384))  # 4 seconds in all, and never long without progress
            if not got:
                return
            left -= got
            time.sleep(0.004)
        whole.append(True)
        wire.sendall(ok())

    names(["127.0.0.1"])
    with serve(sip, tls=authority.context(NAME) if under_tls else None) as server:
        session = trusting(authority.ca, LOOPBACK_TOO, seconds=0.5)
        scheme = "https" if under_tls else "http"
        with pytest.raises(TookTooLong):
            session.post(f"{scheme}://{NAME}:{server.port}", data=b"x" * 16 * MEGA, timeout=30)
    assert not whole  # it was left while it sipped


def test_each_call_of_a_kept_connection_has_its_own_time(forward: Callable[[float], None]) -> None:
    def pause(wire: socket.socket) -> None:
        forward(25)
        wire.sendall(ok())

    with serve(pause) as server, guarded_session(LOOPBACK_TOO, seconds=60) as session:
        for _ in range(4):  # more than one call's time together
            assert session.get(f"http://127.0.0.1:{server.port}").ok
    assert len(server.met) == 1


def test_a_slow_call_takes_nothing_from_another_of_the_same_session(
    forward: Callable[[float], None],
) -> None:
    ended: list[BaseException] = []
    begun, go = threading.Event(), threading.Event()

    def slowly(wire: socket.socket) -> None:
        begun.set()
        assert go.wait(120)
        DRIPS["body with a length"](wire)

    with serve(slowly) as slow, serve(saying(ok())) as quick:
        session = guarded_session(LOOPBACK_TOO, seconds=60)

        def wait() -> None:
            try:
                session.get(f"http://127.0.0.1:{slow.port}", timeout=120)
            except TookTooLong as fault:
                ended.append(fault)

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert begun.wait(120)
        for _ in range(4):  # more than one call's time together
            assert session.get(f"http://127.0.0.1:{quick.port}").ok
            forward(25)
        go.set()
        waiting.join(120)
        assert session.get(f"http://127.0.0.1:{quick.port}").ok
    assert len(ended) == 1


def test_a_connection_that_broke_a_limit_is_not_used_again(
    forward: Callable[[float], None],
) -> None:
    def breaks_off(wire: socket.socket) -> None:
        wire.sendall(HEAD + b"Content-Length: 250\r\n\r\n1")
        forward(61)
        wire.sendall(b"1")

    turns = iter([breaks_off, saying(ok(b"fresh"))])
    with (
        serve(lambda wire: next(turns)(wire)) as server,
        guarded_session(LOOPBACK_TOO, seconds=60) as session,
    ):
        with pytest.raises(TookTooLong):
            session.get(f"http://127.0.0.1:{server.port}")
        assert session.get(f"http://127.0.0.1:{server.port}").content == b"fresh"
    assert len(server.met) == 2


def test_a_silence_ends_the_call_before_its_time() -> None:
    with serve(late) as server, pytest.raises(requests.ReadTimeout):
        guarded_session(LOOPBACK_TOO).get(f"http://127.0.0.1:{server.port}", timeout=0.2)


# -- the site


class NoCredential:
    """Signs nothing."""

    def auth(self) -> AuthBase:
        """A signer that leaves the request as it is."""
        return _NoAuth()


class _NoAuth(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def refused_by(answer: Answer, seconds: float = 60.0) -> SiteError:
    """What the screens say of a site that answers like this to a call that may take so long."""
    with serve(answer) as server:
        url = f"http://127.0.0.1:{server.port}"
        site = CloudSite(url, NoCredential(), LOOPBACK_TOO, seconds=seconds)
        with pytest.raises(SiteError) as refused:
            site.projects()
    assert refused.value.detail.startswith(site.base_url)
    return refused.value


def test_a_site_that_sends_too_much_is_said_to_do_so() -> None:
    bomb = gzip.compress(b" " * (33 * MEGA))
    fault = refused_by(saying(ok(bomb, "Content-Encoding: gzip")))
    assert "sent more than 32 MB for GET rest/api/3/project/search" in fault.detail
    assert not fault.surely_refused  # the deed may be done all the same


def test_a_site_that_drips_is_said_to_take_too_long() -> None:
    fault = refused_by(DRIPS["body with a length"], seconds=1)
    assert "took longer than 1 seconds for GET rest/api/3/project/search" in fault.detail
    assert fault.passing
    assert not fault.surely_refused


def test_a_site_whose_name_leads_to_an_inner_address_is_told_the_cure(names: Names) -> None:
    names(["10.1.2.3"])
    with pytest.raises(SiteError) as refused:
        CloudSite(f"https://{NAME}", NoCredential(), PUBLIC_ONLY).projects()
    assert f"https://{NAME} leads to a private address" in refused.value.detail
    assert "TANDEM_ALLOWED_NETWORKS" in refused.value.detail
    assert "10.1.2.3" not in refused.value.detail


def test_a_site_that_redirects_is_not_followed() -> None:
    with serve(saying(ok())) as inner:
        answer = ok(b"", f"Location: http://127.0.0.1:{inner.port}/", status="302 Found")
        assert refused_by(saying(answer)).site_status == 302
    assert inner.met == []


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
def test_json_that_is_nested_too_deeply_is_an_ordinary_refusal(status: str) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    fault = refused_by(saying(ok(deep, status=status)))
    assert "not JSON" in fault.detail or fault.site_status == 400


STARTS = [b"", HEAD, b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 503 No\r\n", HEAD + b"\r\n"]
STARTS += [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", HEAD + b"Content-Encoding: gzip\r\n\r\n"]
PIECES = [
    b"HTTP/1.1 ",
    b"200 OK",
    b"100 Continue",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b" ",
    b":",
    b"\x00",
]
PIECES += [
    b"\xff\xfe",
    b"0",
    b"-1",
    b"fffffffffff",
    b"Content-Length: ",
    b"Content-Length: 1, 2\r\n",
]
PIECES += [
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip, deflate\r\n",
    b"{}",
    b"[",
    b"1",
]
PIECES += [
    b"Location: http://[\r\n\r\n",
    b"Location: http://a:b/\r\n\r\n",
    b"Location: \xff\r\n\r\n",
]
PIECES += [
    b"Set-Cookie: a=b; Max-Age=x; Expires=\xff\r\n",
    b"Retry-After: nan\r\n",
    gzip.compress(b"{}"),
]
PIECES += [b'\r\n\r\n{"a": 1}', b'\r\n\r\n{"errors": [1]}', b"\r\n\r\n[]"]


def test_whatever_a_site_sends_ends_as_an_answer_or_an_ordinary_refusal() -> None:
    said = b""

    def say(wire: socket.socket) -> None:
        wire.sendall(said)
        wire.shutdown(socket.SHUT_WR)
        while wire.recv(4096):  # a reset would take back what was said
            pass

    with serve(say) as server:
        site = CloudSite(f"http://127.0.0.1:{server.port}", NoCredential(), LOOPBACK_TOO, seconds=5)

        @given(st.sampled_from(STARTS), st.lists(st.sampled_from(PIECES), max_size=8))
        @example(b"HTTP/1.1 302 Found\r\n", [b"Location: http://[\r\n\r\n"])
        @example(b"HTTP/1.1 302 Found\r\n", [b"Location: \xff\r\n\r\n"])
        @example(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", [b"-10\r\n"])
        @example(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", [b"-" + b"f" * 20 + b"\r\n"])
        @settings(max_examples=300, deadline=None)
        def hold(start: bytes, noise: list[bytes]) -> None:
            nonlocal said
            said = start + b"".join(noise)
            with contextlib.suppress(SiteError):
                site.is_admin("someone")

        hold()
