"""Group commit: everybody's work is done once, by some thread, and gives its own result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from app.connect.gathering import MOST, Gatherer


def at_once(count: int, work: Callable[[int], None]) -> None:
    """Run this in many threads that start together."""
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def test_each_item_is_done_once_and_gets_its_own_result() -> None:
    batches: list[list[int]] = []
    lock = threading.Lock()

    def double(batch: Sequence[int]) -> list[int]:
        with lock:
            batches.append(list(batch))
        return [item * 2 for item in batch]

    gatherer: Gatherer[int, int] = Gatherer(double)
    results: dict[int, int] = {}

    def bring(number: int) -> None:
        for turn in range(50):
            item = number * 1000 + turn
            results[item] = gatherer.do("one key", item)

    at_once(16, bring)
    assert results == {item: item * 2 for item in results}
    assert sorted(item for batch in batches for item in batch) == sorted(results)
    assert max(map(len, batches)) <= MOST
    assert gatherer._queues == {}


def test_what_comes_while_a_batch_is_done_goes_together_in_the_next() -> None:
    entered, go = threading.Event(), threading.Event()
    batches: list[list[str]] = []

    def work(batch: Sequence[str]) -> list[str]:
        batches.append(list(batch))
        if len(batches) == 1:
            entered.set()
            assert go.wait(120)
        return list(batch)

    gatherer: Gatherer[str, str] = Gatherer(work)
    first = threading.Thread(target=gatherer.do, args=("k", "first"))
    first.start()
    assert entered.wait(120)
    rest = [threading.Thread(target=gatherer.do, args=("k", f"{n}")) for n in range(5)]
    for thread in rest:
        thread.start()
    while len(gatherer._queues["k"].waiting) < 5:
        pass
    go.set()
    for thread in [first, *rest]:
        thread.join(120)
    assert batches[0] == ["first"]
    assert sorted(batches[1]) == ["0", "1", "2", "3", "4"]
    assert len(batches) == 2


def test_one_that_cannot_be_done_fails_alone() -> None:
    def work(batch: Sequence[int]) -> list[int]:
        if 7 in batch:
            raise ValueError("seven")
        return list(batch)

    gatherer: Gatherer[int, int] = Gatherer(work)
    results: dict[int, object] = {}

    def bring(number: int) -> None:
        try:
            results[number] = gatherer.do("k", number)
        except ValueError as fault:
            results[number] = str(fault)

    at_once(16, bring)
    assert results == {number: number if number != 7 else "seven" for number in range(16)}
    with pytest.raises(ValueError, match="seven"):
        gatherer.do("k", 7)
    assert gatherer.do("k", 8) == 8


def test_keys_do_not_wait_for_each_other() -> None:
    entered, go = threading.Event(), threading.Event()

    def work(batch: Sequence[str]) -> list[str]:
        if "slow" in batch:
            entered.set()
            assert go.wait(120)
        return list(batch)

    gatherer: Gatherer[str, str] = Gatherer(work)
    slow = threading.Thread(target=gatherer.do, args=("a", "slow"))
    slow.start()
    assert entered.wait(120)
    assert gatherer.do("b", "quick") == "quick"
    go.set()
    slow.join(120)
