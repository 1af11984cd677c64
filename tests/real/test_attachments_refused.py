"""Files that a site or the profile does not take, that break off, and that are large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.stack import Stack, wait_until
from tests.processes import children, grandchildren
from tests.real.attachments_scene import LEFT, LONG, RIGHT, Sides, carry, pair, rows
from tests.stack_fixture import running, tandem  # noqa: F401  a fixture

pytestmark = pytest.mark.real

MOST_MEMORY = 64_000_000


@pytest.fixture(scope="module")
def carried(running: Stack) -> Iterator[tuple[Stack, str]]:  # noqa: F811
    """Two sites whose tasks are kept in step, with their files; and the profile."""
    profile = running.create_profile(running.connect(), left=LEFT, right=RIGHT, name="Tasks")
    carry(running, profile)
    yield running, profile


@pytest.fixture
def sides(carried: tuple[Stack, str], request: pytest.FixtureRequest) -> Iterator[Sides]:
    found = pair(carried[0], request.node.name)
    yield found
    for site in carried[0].sandbox.sites:
        site.faults()
        site.file_rules(blockedTypes=[], emptyFiles=False)


def parked(stack: Stack) -> set[str]:
    """The items that are set aside."""
    return {key for (key,) in rows(stack, "SELECT field_key FROM parked_cause")}


def retry(stack: Stack, profile: str) -> None:
    """Let all that is parked be tried again."""
    done = tandem(stack.environment, "parked", "retry", profile)
    assert done.returncode == 0 and "again now" in done.stdout, (done.stdout, done.stderr)


def test_what_a_site_does_not_take_is_parked_by_itself_and_the_rest_crosses(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, profile = carried
    globex = stack.sandbox.globex
    globex.file_rules(blockedTypes=["exe"], uploadLimit=1_000_000)
    stack.sandbox.acme.file_rules(emptyFiles=True)
    large = b"x" * 1_000_001
    bad = (("virus.exe", b"x"), ("empty.txt", b""), ("large.bin", large))
    ids = [sides.attach("left", name, content) for name, content in bad]
    sides.attach("left", "fine.txt", b"fine")
    sides.touch("left", "The text crosses too")
    sides.have("right", "fine.txt")
    stack.settle()
    assert parked(stack) == {f"attachments.{one}" for one in ids}
    globex.file_rules(blockedTypes=[], emptyFiles=True, uploadLimit=1 << 30)
    retry(stack, profile)

    def crossed() -> bool:
        if sides.names("right") == ["empty.txt", "fine.txt", "large.bin", "virus.exe"]:
            return True
        # The site's limit is asked for again after some seconds.
        tandem(stack.environment, "parked", "retry", profile)
        return False

    wait_until("all are there", crossed, LONG)


def test_a_file_that_always_breaks_off_is_parked_and_the_rest_crosses(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, profile = carried
    acme = stack.sandbox.acme
    acme.webhooks(hold=True)
    broken = sides.attach("left", "broken.bin", b"x" * 200_000)
    sides.attach("left", "fine.txt", b"fine")
    acme.faults({"kind": "half-answer", "path": "/file/", "times": 3})
    acme.webhooks(hold=False)
    acme.release()
    sides.have("right", "fine.txt")
    stack.settle()
    assert sides.names("right") == ["fine.txt"]
    assert parked(stack) == {f"attachments.{broken}"}
    retry(stack, profile)
    sides.have("right", "broken.bin", "fine.txt")
    assert sides.digests("left") == sides.digests("right")


def test_a_file_over_the_profiles_limit_stays_where_it_is(
    carried: tuple[Stack, str], sides: Sides
) -> None:
    stack, profile = carried
    carry(stack, profile, "--limit-mb", "1")
    sides.attach("left", "large.bin", b"x" * 1_000_001)
    sides.attach("left", "small.bin", b"x" * 1_000_000)
    sides.have("right", "small.bin")
    stack.settle()
    assert sides.names("right") == ["small.bin"]
    carry(stack, profile, "--limit-mb", "0")
    sides.touch("left", "No limit")
    sides.have("right", "large.bin", "small.bin")


def peak(stack: Stack) -> int:
    """The most memory that a worker ever had, in bytes."""
    workers = children(stack, "worker")
    found = []
    for pid in [*workers, *(below for one in workers for below in grandchildren(one))]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmHWM"))
        found.append(int(line.split()[1]) * 1024)
    return max(found)


def crosses(sides: Sides, size: int) -> int:
    """Let a file of so many bytes cross; by how much the memory of the workers grew."""
    sides.attach("left", "small.bin", b"x" * 1_000_000)
    sides.have("right", "small.bin")
    sides.stack.settle()
    before = peak(sides.stack)
    attach_zeros(sides, size)
    wait_until("it crossed", lambda: len(sides.files("right")) == 2, 600)
    sides.stack.settle()
    assert max(one["size"] for one in sides.files("right")) == size
    return peak(sides.stack) - before


def attach_zeros(sides: Sides, size: int) -> None:
    """A person attaches a file that this process need not hold either."""
    bound = "----bound"
    head = (
        f'--{bound}\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(size // 1_000_000):
            yield bytes(1_000_000)
        yield f"\r\n--{bound}--\r\n".encode()

    answer = sides.site("left").call(
        "POST",
        f"issue/{sides.left}/attachments",
        data=body(),
        headers={
            "X-Atlassian-Token": "no-check",
            "Content-Type": f"multipart/form-data; boundary={bound}",
        },
    )
    assert answer.status_code == 200, answer.text


def test_a_hundred_megabytes_take_the_worker_little_memory(sides: Sides) -> None:
    assert crosses(sides, 100_000_000) < MOST_MEMORY


@pytest.mark.nightly
def test_a_gigabyte_takes_the_worker_little_memory(sides: Sides) -> None:
    assert crosses(sides, 1_000_000_000) < MOST_MEMORY
