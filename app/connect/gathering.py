"""Group commit: of the threads that bring work at the same moment, one does it for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MOST = 64  # items that one thread does for others
BUSY_SECONDS = 0.1  # after a shared batch: more company is likely
PAUSE_SECONDS, PAUSES = 0.002, 5  # that a batch waits for company then


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass
class _Item(Generic[T, R]):
    """One thread's work, and what came of it."""

    work: T
    sleep: threading.Lock = field(default_factory=_held)
    """Held until the thread may go on. Not an Event: that takes five times as long."""
    done: bool = False
    result: R | None = None
    fault: BaseException | None = None


@dataclass
class _Queue(Generic[T, R]):
    """The threads of one key: one leads, the others wait."""

    waiting: list[_Item[T, R]] = field(default_factory=list)
    led: bool = False


class Gatherer(Generic[T, R]):
    """Hands work over in batches, by key; a batch is done by the thread that came first.

    A lone item is done at once: nobody waits for company. While one batch is being done, the next
    one gathers; and where batches were shared a moment ago, one is begun only when no more comes,
    or after 10 milliseconds.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        """`work` does a batch of one key and gives a result for each item, in order."""
        self._work = work
        self._queues: dict[Hashable, _Queue[T, R]] = {}
        self._lock = threading.Lock()
        self._shared_at = -BUSY_SECONDS  # when a batch was last one of several

    def do(self, key: Hashable, work: T) -> R:
        """Do it, alone or with others of this key; returns its result, or raises its exception."""
        item: _Item[T, R] = _Item(work)
        with self._lock:
            queue = self._queues.setdefault(key, _Queue())
            queue.waiting.append(item)
            leads, queue.led = not queue.led, True
        if not leads:
            item.sleep.acquire()
        if not item.done:
            self._lead(key, queue)
        if item.fault is not None:
            raise item.fault
        return item.result  # type: ignore[return-value]  # done without a fault

    def _lead(self, key: Hashable, queue: _Queue[T, R]) -> None:
        """Do the batch that has gathered, then hand the lead to whoever came meanwhile."""
        self._await_company(queue)
        with self._lock:
            batch, queue.waiting = queue.waiting[:MOST], queue.waiting[MOST:]
            if len(batch) > 1:
                self._shared_at = time.monotonic()
        try:
            self._finish(batch)
        finally:
            with self._lock:
                if queue.waiting:
                    queue.waiting[0].sleep.release()
                else:
                    queue.led = False
                    self._queues.pop(key, None)

    def _await_company(self, queue: _Queue[T, R]) -> None:
        if time.monotonic() - self._shared_at > BUSY_SECONDS:
            return
        for _ in range(PAUSES):
            before = len(queue.waiting)
            if before >= MOST:
                return
            time.sleep(PAUSE_SECONDS)
            if len(queue.waiting) == before:
                return

    def _finish(self, batch: Sequence[_Item[T, R]]) -> None:
        try:
            for item, result in zip(batch, self._work([one.work for one in batch]), strict=True):
                item.result = result
        except Exception as fault:
            if len(batch) == 1:
                batch[0].fault = fault
            else:  # one that cannot be done must not fail the others
                for item in batch:
                    self._finish([item])
                return
        except BaseException as fault:  # the thread is being stopped: nobody may wait for it
            for item in batch:
                item.fault = fault
        for item in batch:
            item.done = True
            item.sleep.release()
