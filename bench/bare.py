"""What deliveries are measured against: a bare Flask view that verifies the same token and upserts
one row through a SQLAlchemy session; and the bound of all such views, one that stores nothing. Run
by gunicorn, as Tandem is: `bench.bare:make_app()`."""

from __future__ import annotations

import os

from flask import Flask, Response, request
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app.connect.qsh import parse_query, query_string_hash
from app.connect.tokens import check_qsh, verify

UPSERT = text(
    """
    INSERT INTO bare_change (issue_id) VALUES (:issue)
    ON CONFLICT (issue_id) DO UPDATE SET version = bare_change.version + 1
    """
)


def make_app() -> Flask:
    """The app; BARE_DATABASE and BARE_SECRET tell where and with which secret."""
    app = Flask("bare")
    engine = create_engine(
        os.environ["BARE_DATABASE"].replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=32,  # one for each of its threads: none is opened anew under load
    )
    secret = os.environ["BARE_SECRET"]

    def verified() -> int:
        """The issue's id, of a request whose token holds."""
        token = request.headers["Authorization"].removeprefix("JWT ")
        query = parse_query(request.query_string.decode())
        check_qsh(verify(token, secret, "HS256"), query_string_hash("POST", request.path, query))
        return int(request.get_json()["issue"]["id"])

    @app.post("/webhooks/jira")
    def take() -> Response:
        issue = verified()
        with Session(engine) as session, session.begin():
            session.execute(UPSERT, {"issue": issue})
        return Response(status=204)

    @app.post("/webhooks/forgotten")
    def forget() -> Response:
        """The same without the database: what no view of this server can be faster than."""
        verified()
        return Response(status=204)

    return app
