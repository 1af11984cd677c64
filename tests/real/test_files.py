"""Files between two sites as one stream: bytes, names, refusals, and how much memory it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from requests.auth import AuthBase, HTTPBasicAuth

from app.jira.cloud import CloudSite
from app.jira.item_calls import BrokenOff, File
from app.jira.outbound import NetworkPolicy
from app.jira.site import SiteError
from sandbox.process import Running, SiteHandle, running

pytestmark = pytest.mark.real

REPOSITORY = Path(__file__).resolve().parents[2]
MOST_MEMORY = 64_000_000


@pytest.fixture(scope="module")
def world() -> Iterator[Running]:
    with running() as found:
        yield found
        assert found.broken_answers() == []


@pytest.fixture(autouse=True)
def as_at_the_start(world: Running) -> Iterator[None]:
    yield
    for site in world.sites:
        site.reset()


class AsAdmin:
    """A person's API token, where the app has its own."""

    def __init__(self, site: SiteHandle) -> None:
        self._auth = HTTPBasicAuth(site.admin["email"], site.admin["token"])

    def auth(self) -> AuthBase:
        return self._auth


def opened(site: SiteHandle) -> CloudSite:
    return CloudSite(site.url, AsAdmin(site), NetworkPolicy(insecure_http=True))


def files_of(site: SiteHandle, key: str) -> list[dict[str, object]]:
    shown = site.call("GET", f"issue/{key}?fields=attachment").json()
    found: list[dict[str, object]] = shown["fields"]["attachment"]
    return found


def issue_id(site: SiteHandle, key: str) -> int:
    return int(site.call("GET", f"issue/{key}?fields=summary").json()["id"])


def test_a_file_crosses_byte_for_byte_under_its_name(world: Running) -> None:
    acme, globex = opened(world.acme), opened(world.globex)
    content = bytes(range(256)) * 3000
    name = 'Übersicht "Q3" 図表😀.xlsx'
    raw = world.acme.attach("WEB-1", name, content, "application/vnd.ms-excel")
    file = File(raw["id"], name, raw["mimeType"], raw["size"])
    with acme.files.read(file) as pieces:
        made = globex.files.add(issue_id(world.globex, "PLAT-1"), file, pieces)
    assert made["filename"] == name.replace('"', "%22") or made["filename"] == name
    assert made["mimeType"] == "application/vnd.ms-excel"
    twin = File(made["id"], name, "", len(content))
    with globex.files.read(twin) as pieces:
        assert b"".join(pieces) == content
    media = {acme.files.media_id(raw["id"]), globex.files.media_id(made["id"])}
    assert len(media) == 2 and None not in media


def test_a_file_that_breaks_off_while_it_is_read_leaves_nothing(world: Running) -> None:
    acme, globex = opened(world.acme), opened(world.globex)
    raw = world.acme.attach("WEB-1", "a.bin", b"x" * 3_000_000)
    world.acme.faults({"kind": "half-answer", "path": "/file/", "times": 1})
    file = File(raw["id"], "a.bin", raw["mimeType"], raw["size"])
    on = issue_id(world.globex, "PLAT-1")
    with pytest.raises(BrokenOff), acme.files.read(file) as pieces:
        globex.files.add(on, file, pieces)
    assert files_of(world.globex, "PLAT-1") == []
    assert world.globex.control("GET", "attachments")["files"] == 1  # the source's own
    with acme.files.read(file) as pieces:
        globex.files.add(on, file, pieces)
    assert [one["size"] for one in files_of(world.globex, "PLAT-1")] == [3_000_000]


def test_what_a_site_does_not_take_is_refused_with_its_words(world: Running) -> None:
    globex = opened(world.globex)
    world.globex.file_rules(uploadLimit=10, blockedTypes=["exe"])
    on = issue_id(world.globex, "PLAT-1")
    assert globex.files.limit(1) == 10
    for name, size, status, words in (
        ("big.txt", 11, 413, "too large to attach"),
        ("a.exe", 5, 400, "blocked"),
        ("none.txt", 0, 400, "empty"),
    ):
        file = File("1", name, "text/plain", size)
        with pytest.raises(SiteError, match=words) as refused:
            globex.files.add(on, file, [b"x" * size])
        assert refused.value.site_status == status
    assert files_of(world.globex, "PLAT-1") == []


COPY = """
import json, sys
from tests.real.test_files import AsAdmin, opened
from sandbox.process import SiteHandle
from app.jira.item_calls import File

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

def zeros(size):
    for _ in range(size // 1_000_000):
        yield bytes(1_000_000)

told = json.loads(sys.argv[1])
acme, globex = (opened(SiteHandle(*one)) for one in told["sites"])
size = told["size"]
def across(size):
    made = acme.files.add(told["issues"][0], File("1", "a.bin", "text/plain", size), zeros(size))
    file = File(made["id"], "a.bin", "text/plain", size)
    with acme.files.read(file) as pieces:
        return globex.files.add(told["issues"][1], file, pieces)["size"]
across(1_000_000)
before = peak()
print(json.dumps({"size": across(size), "grown": peak() - before}))
"""


def across(world: Running, size: int) -> int:
    """Send a file of so many bytes through a process of its own; by how much its memory grew."""
    sites = [[one.name, one.url, one.admin, one.users] for one in (world.acme, world.globex)]
    issues = [issue_id(world.acme, "WEB-1"), issue_id(world.globex, "PLAT-1")]
    told = json.dumps({"sites": sites, "issues": issues, "size": size})
    done = subprocess.run(
        [sys.executable, "-c", COPY, told], cwd=REPOSITORY, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["size"] == size
    return int(found["grown"])


def test_a_hundred_megabytes_cross_in_little_memory(world: Running) -> None:
    assert across(world, 100_000_000) < MOST_MEMORY / 4


@pytest.mark.nightly
def test_a_gigabyte_crosses_in_little_memory(world: Running) -> None:
    assert across(world, 1_000_000_000) < MOST_MEMORY / 4
