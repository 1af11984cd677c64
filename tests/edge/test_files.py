"""Files that a site sends on to its media service: where Tandem follows, what it sends there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from app.connect.credential import ConnectCredential
from app.jira.cloud import CloudSite
from app.jira.item_calls import BrokenOff, File
from app.jira.outbound import NetworkPolicy
from app.jira.site import SiteError
from tests.edge.servers import Server, ok, saying, serve

MEDIA_ID = "0d6c1b5e-3b0f-4c59-9c41-6a3b7a1f9f10"
SENT_ON = "303 See Other"


def site_at(server: Server) -> CloudSite:
    base = f"http://127.0.0.1:{server.port}"
    credential = ConnectCredential("tandem", "a-secret-as-long-as-jira-makes-them", base)
    return CloudSite(base, credential, NetworkPolicy(insecure_http=True))


def file(size: int) -> File:
    return File("1", "a.bin", "application/octet-stream", size)


def read(site: CloudSite, size: int) -> bytes:
    with site.files.read(file(size)) as pieces:
        return b"".join(pieces)


def to(where: str) -> bytes:
    return ok(b"", f"Location: {where}", status=SENT_ON)


def test_the_media_service_gets_no_token_and_names_the_file_for_rich_text() -> None:
    with serve(saying(ok(b"12345"))) as media:
        where = f"http://127.0.0.1:{media.port}/file/{MEDIA_ID}/binary?token=t"
        with serve(saying(to(where))) as jira:
            site = site_at(jira)
            assert read(site, 5) == b"12345"
            assert b"\r\nAuthorization: JWT " in jira.asked[0]
            assert site.files.media_id("1") == MEDIA_ID
            assert len(jira.asked) == 1  # it was seen on the way
    assert b"authorization" not in media.asked[0].lower()
    assert b"cookie" not in media.asked[0].lower()


@pytest.mark.parametrize(
    "where",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/file",
        "https://[::ffff:10.0.0.1]/file",
        "http://192.0.2.7/file",
        "https://user:word@127.0.0.1/file",
        "ftp://127.0.0.1/file",
        "file:///etc/passwd",
    ],
)
def test_a_site_cannot_send_us_to_where_we_do_not_go(where: str) -> None:
    with serve(saying(to(where))) as jira, pytest.raises(SiteError) as refused:
        read(site_at(jira), 5)
    assert refused.value.site_status is None
    assert len(jira.asked) == 1
    assert "169.254" not in refused.value.detail and "10.0.0.1" not in refused.value.detail


def test_a_chain_of_addresses_ends() -> None:
    with serve(lambda wire: wire.sendall(to("/next"))) as media:
        where = f"http://127.0.0.1:{media.port}/file/{MEDIA_ID}/binary"
        with serve(saying(to(where))) as jira, pytest.raises(SiteError, match="to the next"):
            read(site_at(jira), 5)
    assert len(media.asked) == 3


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n12345"


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        pytest.param(ok(b"12345"), 6, id="too-short"),
        pytest.param(ok(b"12345"), 4, id="too-long"),
        pytest.param(CUT, 10, id="cut"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\nzz", 10, id="chunk"
        ),
    ],
)
@pytest.mark.parametrize("on", ["media", "site"])
def test_a_file_of_another_length_than_was_told_is_broken(
    answer: bytes, size: int, on: str
) -> None:
    def cutting(wire: object) -> None:
        saying(answer)(wire)  # type: ignore[arg-type]
        if b"10" in answer[:60] or b"chunked" in answer:
            wire.close()  # type: ignore[attr-defined]

    with serve(cutting) as media:
        where = f"http://127.0.0.1:{media.port}/file/{MEDIA_ID}/binary"
        if on == "site":
            with pytest.raises(BrokenOff):
                read(site_at(media), size)
            return
        with serve(saying(to(where))) as jira, pytest.raises(BrokenOff):
            read(site_at(jira), size)


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "500 Oops", "206 Part"])
def test_a_refusal_of_the_media_service_is_not_one_of_the_site(status: str) -> None:
    with serve(saying(ok(b"no", status=status))) as media:
        where = f"http://127.0.0.1:{media.port}/file/{MEDIA_ID}/binary"
        with serve(saying(to(where))) as jira, pytest.raises(SiteError) as refused:
            read(site_at(jira), 5)
    assert refused.value.site_status is None and refused.value.passing


def test_a_refusal_of_the_site_keeps_its_status_and_words() -> None:
    body = b'{"errorMessages": ["The attachment does not exist"]}'
    gone = serve(saying(ok(body, status="404 Not Found")))
    with gone as jira, pytest.raises(SiteError, match="does not exist") as refused:
        read(site_at(jira), 5)
    assert refused.value.site_status == 404


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b'[{"size": 4}]', b'[{"size": 5}, {}]', b"<html>"]
)
def test_an_upload_that_is_answered_in_another_form_is_the_sites_fault(answer: bytes) -> None:
    def taking(reply: bytes) -> Callable[..., None]:
        def answering(wire: object) -> None:
            got = b""
            while not got.endswith(b"--\r\n"):
                got += wire.recv(1000)  # type: ignore[attr-defined]
            wire.sendall(reply)  # type: ignore[attr-defined]

        return answering

    with serve(taking(ok(answer))) as jira, pytest.raises(SiteError, match="unknown form"):
        site_at(jira).files.add(1, file(5), [b"123", b"45"])


def test_the_length_of_a_form_is_told_before_and_its_bytes_are_the_files() -> None:
    body = b""

    def answering(wire: object) -> None:
        nonlocal body
        while not body.endswith(b"--\r\n"):
            body += wire.recv(1000)  # type: ignore[attr-defined]
        wire.sendall(ok(b'[{"size": 5, "id": "7"}]'))  # type: ignore[attr-defined]

    name = 'a "quoted"\r\nX: ä\ud800😀/..\\b.txt'
    one = File("1", name, "text/html\r\nX: y", 5)
    with serve(answering) as jira:
        assert site_at(jira).files.add(1, one, [b"123", b"45"])["id"] == "7"
    head = jira.asked[0].decode()
    assert f"Content-Length: {len(body)}\r\n" in head and "chunked" not in head.lower()
    assert "X-Atlassian-Token: no-check\r\n" in head
    lines = body.split(b"\r\n")
    assert lines[1].decode() == (
        'Content-Disposition: form-data; name="file"; filename="a %22quoted%22__X: ä_😀_.._b.txt"'
    )
    assert lines[2] == b"Content-Type: application/octet-stream"
    assert hashlib.sha256(lines[4]).digest() == hashlib.sha256(b"12345").digest()
