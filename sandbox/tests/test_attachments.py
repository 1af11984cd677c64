"""Attachments: streamed to disk, fetched by a signed address of another host, as strict as Jira."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox.process import Running, SiteHandle
from sandbox.tests.helpers import NoteTaker, as_app, new_issue

pytestmark = pytest.mark.real

NO_CHECK = {"X-Atlassian-Token": "no-check"}


def attach(site: SiteHandle, key: str, *files: tuple[str, bytes, str]) -> requests.Response:
    parts = [("file", one) for one in files]
    return site.call("POST", f"issue/{key}/attachments", files=parts, headers=NO_CHECK)


def shown(site: SiteHandle, key: str) -> list[dict]:
    return site.call("GET", f"issue/{key}?fields=attachment").json()["fields"]["attachment"]


def where(site: SiteHandle, attachment_id: str) -> str:
    answer = site.call("GET", f"attachment/content/{attachment_id}", allow_redirects=False)
    assert answer.status_code == 303 and not answer.content
    return answer.headers["Location"]


def media_id(site: SiteHandle, attachment_id: str) -> str:
    return urlsplit(where(site, attachment_id)).path.split("/")[2]


def picture(media: str, text: str = "See") -> dict:
    node = {"type": "media", "attrs": {"type": "file", "id": media, "collection": ""}}
    content = [
        {"type": "paragraph", "content": [{"type": "text", "text": text}]},
        {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [node]},
    ]
    return {"type": "doc", "version": 1, "content": content}


def test_several_files_in_one_call_come_back_byte_for_byte(acme: SiteHandle) -> None:
    key = new_issue(acme)
    made = attach(acme, key, ("a.txt", b"one", "text/plain"), ("a.txt", b"two", "text/plain"),
                  ("p.png", b"\x89PNG", "image/png"))  # fmt: skip
    assert made.status_code == 200
    assert [one["filename"] for one in made.json()] == ["a.txt", "a.txt", "p.png"]
    found = shown(acme, key)
    assert [one["id"] for one in found] == [one["id"] for one in made.json()]
    assert [(one["size"], one["mimeType"], "thumbnail" in one) for one in found] == [
        (3, "text/plain", False), (3, "text/plain", False), (4, "image/png", True),
    ]  # fmt: skip
    texts = [acme.call("GET", f"attachment/content/{one['id']}").content for one in found]
    assert texts == [b"one", b"two", b"\x89PNG"]
    one = acme.call("GET", f"attachment/{found[0]['id']}").json()
    assert one["id"] == int(found[0]["id"]) and one["filename"] == "a.txt"
    assert one["author"]["accountId"] == acme.admin["accountId"]
    assert (
        acme.call("GET", f"/rest/api/2/issue/{key}")
        .json()["fields"]["attachment"][0]["content"]
        .endswith(f"/rest/api/2/attachment/content/{found[0]['id']}")
    )


def test_a_form_without_the_header_against_forgery_is_refused(acme: SiteHandle) -> None:
    key = new_issue(acme)
    answer = acme.call("POST", f"issue/{key}/attachments", files={"file": ("a", b"x")})
    assert (answer.status_code, answer.text) == (403, "XSRF check failed")
    assert shown(acme, key) == []


def test_the_content_is_fetched_from_another_host_which_takes_no_credentials(
    acme: SiteHandle, sandbox: Running
) -> None:
    key = new_issue(acme)
    made = attach(acme, key, ("a b.txt", b"0123456789", "text/plain")).json()[0]
    url = where(acme, made["id"])
    parts = urlsplit(url)
    assert f"http://{parts.netloc}" == sandbox.hub != acme.url
    assert parts.path.startswith("/file/") and parts.path.endswith("/binary")
    assert parse_qs(parts.query)["name"] == ["a b.txt"]
    assert requests.get(url, timeout=90).content == b"0123456789"
    assert requests.get(url, auth=("a", "b"), timeout=90).status_code == 400
    assert requests.get(url.replace("token=", "token=x"), timeout=90).status_code == 403
    part = requests.get(url, headers={"Range": "bytes=2-4"}, timeout=90)
    assert (part.status_code, part.content) == (206, b"234")


def test_without_a_redirect_the_site_sends_the_bytes_itself(acme: SiteHandle) -> None:
    made = attach(acme, new_issue(acme), ("a", b"0123456789", "text/plain")).json()[0]
    path = f"attachment/content/{made['id']}?redirect=false"
    whole = acme.call("GET", path)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    part = acme.call("GET", path, headers={"Range": "bytes=8-"})
    assert (part.status_code, part.content) == (206, b"89")
    assert part.headers["Content-Range"] == "bytes 8-9/10"
    assert acme.call("GET", path, headers={"Range": "bytes=99-"}).status_code == 416
    assert acme.call("GET", path, headers={"Range": "bytes"}).status_code == 400


def test_what_the_sites_rules_do_not_take_leaves_nothing(acme: SiteHandle) -> None:
    key = new_issue(acme)
    acme.control("PUT", "attachments", {"uploadLimit": 10, "blockedTypes": ["exe"]})
    assert acme.call("GET", "attachment/meta").json() == {"enabled": True, "uploadLimit": 10}
    small = ("ok.txt", b"ok", "text/plain")
    big = attach(acme, key, small, ("big.bin", b"x" * 11, "text/plain"))
    assert big.status_code == 413 and "too large to attach" in big.json()["errorMessages"][0]
    assert attach(acme, key, small, ("virus.EXE", b"x", "text/plain")).status_code == 400
    assert attach(acme, key, small, ("none.txt", b"", "text/plain")).status_code == 400
    assert attach(acme, "WEB-999", small).status_code == 404
    assert attach(acme, key, *[small] * 61).status_code == 413
    assert shown(acme, key) == []
    assert acme.control("GET", "attachments")["files"] == 0
    acme.control("PUT", "attachments", {"enabled": False})
    assert acme.call("GET", "attachment/meta").json() == {"enabled": False}
    assert attach(acme, key, small).status_code == 403


def test_an_upload_that_is_cut_leaves_nothing(acme: SiteHandle) -> None:
    key = new_issue(acme)
    parts = urlsplit(acme.url)
    request = requests.Request(
        "POST", f"{acme.url}/rest/api/3/issue/{key}/attachments",
        files={"file": ("a", b"x" * 100_000)}, headers=NO_CHECK,
        auth=(acme.admin["email"], acme.admin["token"]),
    ).prepare()  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection((parts.hostname, parts.port), timeout=90) as raw:
        raw.sendall(
            f"POST {request.path_url} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}\r\n".encode()
        )
        raw.sendall(request.body[:50_000])
    assert attach(acme, key, ("b", b"y", "text/plain")).status_code == 200
    assert [one["filename"] for one in shown(acme, key)] == ["b"]
    assert acme.control("GET", "attachments")["files"] == 1


def test_a_download_can_be_cut_half_way(acme: SiteHandle) -> None:
    made = attach(acme, new_issue(acme), ("a", b"x" * 3_000_000, "text/plain")).json()[0]
    acme.faults({"kind": "half-answer", "path": "/file/", "times": 1},
                {"kind": "half-answer", "path": "attachment/content", "times": 1})  # fmt: skip
    url = where(acme, made["id"])
    with pytest.raises(requests.RequestException):
        _ = requests.get(url, timeout=90).content
    assert len(requests.get(url, timeout=90).content) == 3_000_000
    acme.faults({"kind": "half-answer", "path": "attachment/content", "times": 1})
    with pytest.raises(requests.RequestException):
        acme.call("GET", f"attachment/content/{made['id']}?redirect=false")


def test_only_the_author_an_admin_or_an_app_deletes_a_file(acme: SiteHandle) -> None:
    key = new_issue(acme)
    first, second = attach(acme, key, ("a", b"1", "text/plain"), ("b", b"2", "text/plain")).json()
    developer = next(u for u in acme.users if u["email"].startswith("developer"))
    as_developer = (developer["email"], developer["token"])
    path = f"attachment/{first['id']}"
    assert acme.call("DELETE", path, auth=as_developer).status_code == 403
    assert acme.call("DELETE", path).status_code == 204
    assert acme.call("DELETE", path).status_code == 404
    assert acme.call("GET", f"attachment/content/{first['id']}").status_code == 404
    assert [one["id"] for one in shown(acme, key)] == [second["id"]]
    assert acme.control("GET", "attachments")["files"] == 1


def test_webhooks_tell_of_the_file_alone_and_the_issue_of_its_change(
    acme: SiteHandle, note_taker: NoteTaker
) -> None:
    for name in ("attachment_created", "attachment_deleted"):
        hook = {"event": name, "url": f"/hooks/{name}"}
        note_taker.descriptor["modules"]["webhooks"].append(hook)
    acme.install(note_taker.descriptor_url)
    try:
        key = new_issue(acme)
        made = attach(acme, key, ("a.txt", b"one", "text/plain")).json()[0]
        body = note_taker.wait_for("/hooks/attachment_created")[0].body
        assert set(body) == {"timestamp", "webhookEvent", "attachment"}
        assert body["attachment"]["id"] == made["id"]
        assert body["attachment"]["author"]["accountId"] == acme.admin["accountId"]
        assert acme.call("DELETE", f"attachment/{made['id']}").status_code == 204
        note_taker.wait_for("/hooks/attachment_deleted")
        bodies = [r.body for r in note_taker.wait_for("/hooks/jira:issue_updated", 2)]
        bodies.sort(key=lambda body: body["timestamp"])
        items = [body["changelog"]["items"][0] for body in bodies]
        sides = ("field", "from", "to", "fromString", "toString")
        assert [tuple(item[side] for side in sides) for item in items] == [
            ("Attachment", None, made["id"], None, "a.txt"),
            ("Attachment", made["id"], None, "a.txt", None),
        ]
    finally:
        acme.uninstall("note-taker")


def test_an_app_attaches_as_itself(acme: SiteHandle, installed: NoteTaker) -> None:
    key = new_issue(acme)
    path = f"/rest/api/3/issue/{key}/attachments"
    made = as_app(acme, "POST", path, files={"file": ("a", b"x")}, headers=NO_CHECK)
    assert made.status_code == 200
    account = next(app for app in acme.apps() if app["key"] == "note-taker")["accountId"]
    assert made.json()[0]["author"]["accountId"] == account


@pytest.mark.parametrize("kept", [False, True])
def test_a_file_that_no_text_shows_any_more_is_deleted_unless_switched_off(
    acme: SiteHandle, kept: bool
) -> None:
    key = new_issue(acme)
    acme.control("PUT", "attachments", {"deleteUnmentioned": not kept})
    first, second, third = attach(
        acme, key, ("a.png", b"1", "image/png"), ("b.png", b"2", "image/png"),
        ("c.png", b"3", "image/png"),
    ).json()  # fmt: skip
    one, two = media_id(acme, first["id"]), media_id(acme, second["id"])
    said = acme.call("POST", f"issue/{key}/comment", json={"body": picture(two)})
    assert said.status_code == 201
    both = picture(one)
    both["content"].append(picture(two)["content"][1])
    for text in (both, picture(one, "Changed"), {"type": "doc", "version": 1, "content": []}):
        put = acme.call("PUT", f"issue/{key}", json={"fields": {"description": text}})
        assert put.status_code == 204
    left = [found["id"] for found in shown(acme, key)]
    assert left == [m["id"] for m in ((first, second, third) if kept else (second, third))]


def test_a_large_file_is_never_held_in_memory(acme: SiteHandle, sandbox: Running) -> None:
    size = 100_000_000
    key = new_issue(acme)
    boundary = "----bound"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    def body() -> object:
        yield head
        for _ in range(size // 1_000_000):
            yield b"\x07" * 1_000_000
        yield tail

    before = peak(sandbox.process.pid)
    made = acme.call(
        "POST", f"issue/{key}/attachments", data=body(),
        headers={**NO_CHECK, "Content-Type": f"multipart/form-data; boundary={boundary}"},
    )  # fmt: skip
    assert made.status_code == 200, made.text
    assert made.json()[0]["size"] == size
    got = 0
    with requests.get(where(acme, made.json()[0]["id"]), stream=True, timeout=90) as answer:
        for part in answer.iter_content(1 << 20):
            got += len(part)
    assert got == size
    assert peak(sandbox.process.pid) - before < 40_000_000


def peak(pid: int) -> int:
    """The most memory the process ever had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
