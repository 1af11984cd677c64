"""The log of the whole application: one line a request, and what each line carries."""

from __future__ import annotations

import json
import logging
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import Tandem
from app.database import unscoped_transaction
from app.logs import bind_tenant, configure_logs
from app.tenants.caller import Proof, accepts
from tests.edge.jira import Jira
from tests.edge.test_webhooks import body

SECRET = "Pl4nted-9f8e7d6c5b4a"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """Reads the lines that were written since it was last asked; each must be JSON."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level, logging.raiseExceptions
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning
    configure_logs()

    def read() -> list[dict[str, Any]]:
        shown = capsys.readouterr()
        assert SECRET not in shown.out + shown.err
        return [json.loads(line) for line in shown.err.splitlines()]

    yield read
    structlog.reset_defaults()
    root.handlers, root.level, logging.raiseExceptions = kept
    sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = hooks


def tenant_of(app: Flask, site: Jira) -> str:
    """The id of a site's installation."""
    tandem: Tandem = app.extensions["tandem"]
    known = tandem.installations.find(site.client_key)
    assert known is not None
    return str(known.tenant)


def add_view(app: Flask, path: str, view: Callable[[], Any]) -> None:
    """Give the application one more public endpoint."""
    app.add_url_rule(path, view_func=accepts(Proof.PUBLIC)(view), endpoint="planted")


def test_a_webhook_is_one_line_with_its_request_tenant_and_proof(
    app: Flask, installed: Jira, lines: Lines
) -> None:
    assert installed.webhook(body()).status_code == 204
    [line] = lines()
    assert uuid.UUID(line.pop("request"))
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("ms") >= 0
    assert line == {
        "level": "info",
        "event": "request",
        "tenant": tenant_of(app, installed),
        "method": "POST",
        "endpoint": "webhooks.jira",
        "route": "/webhooks/jira",
        "status": 204,
        "proof": "site",
    }


def test_the_answer_names_the_request_that_the_log_names(client: FlaskClient, lines: Lines) -> None:
    answer = client.get("/pages/profiles").get_json()
    assert {answer["instance"]} == {f"urn:tandem:request:{one['request']}" for one in lines()}


def test_each_line_of_a_request_has_its_id_and_no_line_after_it_has(
    client: FlaskClient, lines: Lines
) -> None:
    client.get("/pages/profiles")
    refused, request = lines()
    assert (refused["event"], request["event"]) == ("refused", "request")
    assert refused["request"] == request["request"]
    structlog.get_logger().info("refused")
    [after] = lines()
    assert "request" not in after
    client.get("/pages/profiles")
    assert {one["request"] for one in lines()}.isdisjoint({request["request"]})


def test_a_librarys_line_within_a_request_has_its_id_and_tenant(
    app: Flask, client: FlaskClient, lines: Lines
) -> None:
    tenant = uuid.uuid4()

    def view() -> str:
        bind_tenant(tenant)
        logging.getLogger("psycopg.pool").warning("error in %s", SECRET)
        return ""

    add_view(app, "/planted", view)
    client.get("/planted")
    library, request = lines()
    assert library["message"] == "error in %s"
    assert library["tenant"] == request["tenant"] == str(tenant)
    assert library["request"] == request["request"]


def test_neither_path_nor_query_of_a_request_is_told(client: FlaskClient, lines: Lines) -> None:
    client.get(f"/{SECRET}?{SECRET}={SECRET}")
    client.get(f"/static/{SECRET}")
    client.get(f"/pages/parts/types/{SECRET}?jwt={SECRET}")
    client.open("/healthz", method=SECRET)
    told = [one for one in lines() if one["event"] == "request"]
    assert [(one.get("route"), one["status"], one["method"]) for one in told] == [
        (None, 404, "GET"),
        ("/static/<path:filename>", 404, "GET"),
        ("/pages/parts/types/<side>", 401, "GET"),
        (None, 405, "OTHER"),
    ]


def test_a_refused_token_is_told_by_the_rule_that_it_broke_and_not_by_its_values(
    installed: Jira, lines: Lines
) -> None:
    assert installed.webhook(body(), aud=SECRET, iss=SECRET).status_code == 401
    assert installed.webhook(body(), exp=1, sub=SECRET).status_code == 401
    assert installed.webhook(body(), iat=SECRET).status_code == 401
    told = [one for one in lines() if one["event"] == "refused"]
    assert [(one["status"], one["code"]) for one in told] == [(401, "not-authorised")] * 3
    assert told[0]["reason"] == "token: iss is no installed site"
    assert told[1]["reason"] == "token: ExpiredSignatureError"
    assert told[2]["reason"].startswith("token: ")


def test_a_refused_body_is_told_by_its_field_and_not_by_what_it_held(
    installed: Jira, lines: Lines
) -> None:
    answer = installed.webhook(body() | {"webhookEvent": SECRET})
    assert SECRET in answer.get_data(as_text=True)  # the caller may see what it sent itself
    refused, _ = lines()
    assert (refused["code"], refused["field"]) == ("invalid-field", "webhookEvent")
    assert "reason" not in refused


def test_a_failure_of_the_database_is_told_without_the_values_that_failed(
    app: Flask, client: FlaskClient, lines: Lines
) -> None:
    caught: list[IntegrityError] = []

    def view() -> str:
        with unscoped_transaction() as session:
            session.execute(text("CREATE TEMPORARY TABLE planted (name text UNIQUE)"))
            for _ in range(2):
                try:
                    session.execute(text("INSERT INTO planted VALUES (:name)"), {"name": SECRET})
                except IntegrityError as fault:
                    caught.append(fault)
                    raise
        return ""

    add_view(app, "/planted", view)
    answer = client.get("/planted")
    assert answer.status_code == 500
    assert SECRET not in answer.get_data(as_text=True)
    fault, request = lines()
    assert [one["class"] for one in fault["exception"]] == [
        "sqlalchemy.exc.IntegrityError",
        "psycopg.errors.UniqueViolation",
    ]
    assert any(frame.endswith(" view") for frame in fault["exception"][0]["frames"])
    assert (fault["request"], request["status"]) == (request["request"], 500)
    # The database itself quotes the key; the driver's own copy of the values is hidden.
    assert SECRET in str(caught[0].orig)
    assert "parameters hidden" in str(caught[0])


def test_a_request_whose_answer_fails_to_leave_is_a_line_too(
    app: Flask, client: FlaskClient, lines: Lines
) -> None:
    @app.after_request
    def broken(response: Response) -> Response:
        raise ValueError(SECRET)

    assert client.get("/healthz").status_code == 500
    told = lines()
    assert [one["event"] for one in told if one["event"] == "request"] == ["request"]
    [request] = [one for one in told if one["event"] == "request"]
    assert (request["status"], request["route"]) == (500, "/healthz")
