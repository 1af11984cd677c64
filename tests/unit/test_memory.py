"""What is kept in memory for a while, and let go of afterwards."""

from __future__ import annotations

import gc
import weakref

from app.memory import Memory


class Kept:
    """Something that a test may ask for whether anybody still holds it."""


def test_what_is_too_old_is_not_given_and_not_held() -> None:
    now = [0.0]
    memory: Memory[str, Kept] = Memory(10.0, 5, lambda: now[0])
    held = weakref.ref(memory.put("old", Kept()))
    now[0] = 9.0
    memory.put("new", Kept())
    gc.collect()
    assert held() is not None
    assert memory.get("old") is held()
    now[0] = 10.0
    assert memory.get("new") is not None  # a look for another is enough
    gc.collect()
    assert held() is None
    assert memory.get("old") is None


def test_a_value_that_is_kept_anew_is_good_from_then_on() -> None:
    now = [0.0]
    memory: Memory[str, int] = Memory(10.0, 5, lambda: now[0])
    memory.put("one", 1)
    now[0] = 6.0
    memory.put("one", 2)
    now[0] = 12.0
    assert memory.get("one") == 2


def test_a_new_one_pushes_the_oldest_out() -> None:
    memory: Memory[int, int] = Memory(10.0, 2, lambda: 0.0)
    for one in (1, 2, 3):
        memory.put(one, one)
    assert [memory.get(one) for one in (1, 2, 3)] == [None, 2, 3]


def test_values_are_forgotten_by_what_they_are() -> None:
    memory: Memory[str, int] = Memory(10.0, 5, lambda: 0.0)
    for key, value in (("a", 1), ("b", 2), ("c", 1)):
        memory.put(key, value)
    memory.forget(lambda value: value == 1)
    assert [memory.get(key) for key in ("a", "b", "c")] == [None, 2, None]
