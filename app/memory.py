"""What is kept in memory alone, for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """A few values by key, for a while; a new one pushes the oldest out. Safe to share between
    threads."""

    def __init__(
        self, seconds: float, entries: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`seconds`: how long a value is good; `entries`: how many there are at the most."""
        self._seconds, self._entries, self._clock = seconds, entries, clock
        self._found: dict[Key, tuple[float, Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value, unless it is too old."""
        with self._lock:
            found = self._found.get(key)
        if found is None or self._clock() - found[0] >= self._seconds:
            return None
        return found[1]

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value, from now on; gives it back."""
        with self._lock:
            self._found.pop(key, None)
            self._found[key] = (self._clock(), value)
            while len(self._found) > self._entries:
                del self._found[next(iter(self._found))]
        return value
