"""Periodic tasks by a clock that nobody can step.

The engine's own go by the machine's clock: set back by an hour, no sweep and no search would run
for an hour. Its two hooks are private; the lock file pins the release that has them.
"""

from __future__ import annotations

import time

from procrastinate import App
from procrastinate.periodic import PeriodicDeferrer
from procrastinate.worker import Worker


class SteadyDeferrer(PeriodicDeferrer):
    """Starts at the machine's time, and goes on by the time that has passed."""

    async def worker(self) -> None:
        """Defer what is due, again and again."""
        start = time.time() - time.monotonic()
        while True:
            now = start + time.monotonic()
            await self.defer_jobs(jobs_to_defer=self.get_previous_tasks(at=now))
            await self.wait(next_tick=self.get_next_tick(at=now))


class SteadyWorker(Worker):
    """A worker whose periodic tasks go on whatever happens to the machine's clock."""

    async def _periodic_deferrer(self) -> None:
        await SteadyDeferrer(self.app.periodic_registry, **self.app.periodic_defaults).worker()


class SteadyApp(App):
    """The engine with such workers."""

    def _worker(self, **options: object) -> Worker:
        return SteadyWorker(app=self, **{**self.worker_defaults, **options})  # type: ignore[arg-type]
