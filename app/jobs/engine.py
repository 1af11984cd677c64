"""The Procrastinate app and its tasks: drain, sweep, errands, thaw, revive."""

from __future__ import annotations

import uuid

import structlog
from flask import Flask
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.jobs import Status
from sqlalchemy import text

from app.activity import retention
from app.database import APP_ROLE, unscoped_transaction
from app.jobs.bell import DRAIN, DRAIN_QUEUE, lane_lock, ring
from app.jobs.steady import SteadyApp
from app.mapping import drafts
from app.sync import budget_answers, field_cache, parked_groups, runs, written
from app.sync.completeness import Completeness
from app.sync.drift_watch import Watch
from app.sync.errand_work import Errands
from app.sync.reconcile import Reconciler
from app.sync.search import Searcher

log = structlog.get_logger(__name__)

HOUSE_QUEUE = "house"
LANES_A_SWEEP = 1000
FORGET_SECONDS = 60  # how often the activity is looked through for what is too old
STALLED_AFTER = 30.0  # seconds without a heartbeat of the worker


def build_engine(flask_app: Flask, reconciler: Reconciler, url: str, concurrency: int) -> App:
    """The job engine over the same database, acting as the product's role."""
    connector = PsycopgConnector(
        conninfo=url,
        kwargs={"options": f"-c role={APP_ROLE}"},
        min_size=2,
        max_size=concurrency + 4,
    )
    engine = SteadyApp(
        connector=connector,
        worker_defaults={
            "name": "tandem",
            "concurrency": concurrency,
            "fetch_job_polling_interval": 1.0,
            "delete_jobs": "always",
            "update_heartbeat_interval": 5.0,
            "stalled_worker_timeout": STALLED_AFTER,
        },
    )

    @engine.task(name=DRAIN, queue=DRAIN_QUEUE)
    def drain(profile_id: str, lane: int) -> None:
        """Take up to a hundred changes across; more turns go to the end of the queue."""
        with flask_app.app_context():
            profile = uuid.UUID(profile_id)
            try:
                more = reconciler.drain(profile, lane)
            except Exception:
                # Never into the engine's retry: it would violate the queueing lock of a newer
                # bell. The rows are still there, and the sweep rings again.
                log.exception("drain failed", profile=profile_id, lane=lane)
                return
            if more:
                ring(profile, lane)

    @engine.periodic(cron="* * * * * */10", periodic_id="sweep")
    @engine.task(name="sweep", queue=HOUSE_QUEUE, queueing_lock="sweep")
    def sweep(timestamp: int) -> None:
        """Ring the bell of every lane that has due work: lost bells, ended back-offs, and parked
        changes whose cause is to be tried. End the runs that a stopped command left behind, and
        forget what is too old."""
        with flask_app.app_context():
            with unscoped_transaction() as session:
                lanes = session.execute(
                    text("SELECT profile_id, lane FROM tandem_due_lanes(:most)"),
                    {"most": LANES_A_SWEEP},
                ).all()
            for profile_id, lane in lanes:
                ring(profile_id, lane)
            for profile_id, lane in parked_groups.probe():
                ring(profile_id, lane)
            with unscoped_transaction() as session:
                written.forget(session)
                drafts.forget(session)
                field_cache.forget(session)
                runs.end_left_behind(session)
            _forget_details(flask_app, timestamp)

    @engine.periodic(cron="* * * * * */10", periodic_id="search")
    @engine.task(name="search", queue=HOUSE_QUEUE, queueing_lock="search")
    def search(timestamp: int) -> None:
        """Search the sides of profiles whose turn it is, for what no webhook told."""
        with flask_app.app_context():
            tandem = flask_app.extensions["tandem"]
            Searcher(tandem.vault, tandem.open_site, ring).run()

    @engine.periodic(cron="* * * * * */10", periodic_id="thaw")
    @engine.task(name="thaw", queue=HOUSE_QUEUE, queueing_lock="thaw")
    def thaw(timestamp: int) -> None:
        """Ask paused sites whether they let us in again, and resume those that do."""
        with flask_app.app_context():
            open_site = flask_app.extensions["tandem"].open_site
            budget_answers.thaw(lambda tenant: open_site(tenant).ask(), ring)

    @engine.periodic(cron="* * * * * */5", periodic_id="complete")
    @engine.task(name="complete", queue=HOUSE_QUEUE, queueing_lock="complete")
    def complete(timestamp: int) -> None:
        """Take the steps of checks that are due, of all profiles, and look whether the sites still
        have what the mappings name."""
        with flask_app.app_context():
            tandem = flask_app.extensions["tandem"]
            Completeness(tandem.vault, tandem.open_site, ring).tick()
            Watch(tandem.vault, tandem.open_site).tick()

    _take_errands(engine, flask_app, concurrency)

    @engine.periodic(cron="* * * * * */15", periodic_id="revive")
    @engine.task(name="revive", queue=HOUSE_QUEUE, queueing_lock="revive", pass_context=True)
    async def revive(context: JobContext, timestamp: int) -> None:
        """Give the jobs of workers that died to others.

        The stuck job is deleted rather than retried: a newer bell may hold its queueing lock, and
        the sweep rings for whatever it left undone.
        """
        # Reference: https://procrastinate.readthedocs.io/en/stable/howto/production/retry_stalled_jobs.html
        manager = context.app.job_manager
        stalled = await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER)
        for job in stalled:
            if job.id is not None:
                await manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
                log.info("took the job of a dead worker away", job=job.id)

    return engine


def _forget_details(flask_app: Flask, timestamp: int) -> None:
    """Once a minute, delete what the activity has kept for long enough."""
    if timestamp % FORGET_SECONDS == 0:
        edition = flask_app.extensions["tandem"].settings.edition
        retention.forget(retention.most_days(edition))


def _take_errands(engine: App, flask_app: Flask, concurrency: int) -> None:
    @engine.periodic(cron="* * * * * */3", periodic_id="errands")
    @engine.task(name="errands", queue=HOUSE_QUEUE, queueing_lock="errands")
    def errands(timestamp: int) -> None:
        """Get on with what people began on the page: loads, plans, applications, undos."""
        with flask_app.app_context():
            tandem = flask_app.extensions["tandem"]
            Errands(
                tandem.vault,
                tandem.open_site,
                ring,
                tandem.record,
                hands=concurrency,
                lock_of=lane_lock,
            ).tick()
