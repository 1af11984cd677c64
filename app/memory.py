"""What is kept in memory alone, for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """A few values by key, for a while; a new one pushes the oldest out. What is too old is not
    even held: with each look and each new value it is let go. Safe to share between threads."""

    def __init__(
        self, seconds: float, entries: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`seconds`: how long a value is good; `entries`: how many there are at the most."""
        self._seconds, self._entries, self._clock = seconds, entries, clock
        self._found: dict[Key, tuple[float, Value]] = {}  # the oldest first
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value, unless it is too old."""
        with self._lock:
            self._drop_old()
            found = self._found.get(key)
        return None if found is None else found[1]

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value, from now on; gives it back."""
        with self._lock:
            self._found.pop(key, None)
            self._found[key] = (self._clock(), value)
            self._drop_old()
            while len(self._found) > self._entries:
                del self._found[next(iter(self._found))]
        return value

    def forget(self, which: Callable[[Value], bool]) -> None:
        """Let go of the values of which this is true."""
        with self._lock:
            for key in [key for key, one in self._found.items() if which(one[1])]:
                del self._found[key]

    def _drop_old(self) -> None:
        now = self._clock()
        while self._found:
            oldest = next(iter(self._found))
            if now - self._found[oldest][0] < self._seconds:
                return
            del self._found[oldest]
