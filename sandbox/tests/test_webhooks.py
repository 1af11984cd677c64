"""Webhooks as an app receives them."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from sandbox import tokens
from sandbox.process import SiteHandle
from sandbox.tests.helpers import APP_KEY, NoteTaker, adf, as_app, new_issue, secret_of, token_of

pytestmark = pytest.mark.real

CAPTURES = Path(__file__).resolve().parents[3] / "shared/data/webhooks"


def capture(name: str) -> dict[str, Any]:
    path = CAPTURES / f"{name}.json"
    if not path.exists():
        pytest.skip("the published captures are not beside the repository")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def shape(value: Any) -> Any:
    """The names in a body, whatever the values."""
    return {k: shape(v) for k, v in value.items()} if isinstance(value, dict) else None


def lacking(wanted: Any, have: Any, place: str = "") -> list[str]:
    """The names that `wanted` has and `have` lacks."""
    if not isinstance(wanted, dict):
        return []
    if not isinstance(have, dict):
        return [place]
    rows = []
    for key, value in wanted.items():
        if key not in have:
            rows.append(f"{place}/{key}")
        else:
            rows += lacking(value, have[key], f"{place}/{key}")
    return rows


# Fields of the captured site that the sandbox's sites do not have.
ELSEWHERE = ("customfield_", "time", "aggregate", "progress", "workratio", "security", "lastViewed",
             "issuerestriction")  # fmt: skip


def test_a_created_issue_comes_signed_in_v2_words(acme: SiteHandle, installed: NoteTaker) -> None:
    key = new_issue(acme, "From a test", description=adf("Hello. World!"), labels=["b", "a"])
    hook = installed.wait_for("/hooks/jira:issue_created")[0]
    claims = jwt.decode(token_of(hook), secret_of(acme), algorithms=["HS256"])
    assert claims["qsh"] == tokens.query_string_hash("POST", "/hooks/jira:issue_created", "")
    assert hook.headers["content-type"].startswith("application/json")
    assert hook.headers["x-atlassian-webhook-flow"] == "Primary"
    assert hook.headers["x-atlassian-webhook-identifier"]
    fields = hook.body["issue"]["fields"]
    assert hook.body["issue"]["key"] == key
    assert fields["description"] == "Hello. World!" and fields["labels"] == ["a", "b"]
    assert "/rest/api/2/" in hook.body["issue"]["self"]
    names = {item["fieldId"] for item in hook.body["changelog"]["items"]}
    assert {"summary", "status", "priority", "description", "labels"} <= names


def test_bodies_have_all_that_published_captures_have(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    key = new_issue(acme)
    created = installed.wait_for("/hooks/jira:issue_created")[0].body
    acme.call("POST", f"issue/{key}/transitions", json={"transition": {"id": "11"}})
    moved = installed.wait_for("/hooks/jira:issue_updated")[0].body
    acme.call("POST", f"issue/{key}/comment", json={"body": adf("Hi")})
    said = installed.wait_for("/hooks/comment_created")[0].body
    for name, body in (
        ("issue_created", created),
        ("issue_updated_status", moved),
        ("comment_created", said),
    ):
        wanted = shape(capture(name))
        for field in list(wanted["issue"]["fields"]):
            if field.startswith(ELSEWHERE):
                del wanted["issue"]["fields"][field]
        assert lacking(wanted, body) == [], name
    assert moved["issue_event_type_name"] == "issue_generic"
    item = moved["changelog"]["items"][0]
    assert (item["fieldId"], item["fromString"], item["toString"]) == (
        "status", "To Do", "In Progress",
    )  # fmt: skip


def test_an_edit_that_changes_nothing_tells_nobody(acme: SiteHandle, installed: NoteTaker) -> None:
    key = new_issue(acme, "Same", labels=["x"])
    before = acme.call("GET", f"issue/{key}").json()
    body = {"fields": {"summary": "Same", "labels": ["x"], "description": None}}
    assert acme.call("PUT", f"issue/{key}", json=body).status_code == 204
    acme.wait_idle()
    assert installed.events("/hooks/jira:issue_updated") == []
    assert acme.call("GET", f"issue/{key}").json() == before
    assert acme.call("GET", f"issue/{key}/changelog").json()["total"] == 0


def test_an_apps_own_write_comes_back_to_it(acme: SiteHandle, installed: NoteTaker) -> None:
    as_app(acme, "PUT", "/rest/api/3/issue/WEB-1", json={"fields": {"summary": "By the app"}})
    hook = installed.wait_for("/hooks/jira:issue_updated")[0]
    assert hook.body["user"]["accountType"] == "app"


def test_a_filter_keeps_other_projects_away(acme: SiteHandle, installed: NoteTaker) -> None:
    new_issue(acme)
    key = new_issue(acme, project={"key": "SUP"})
    acme.wait_idle()
    assert [r.body["issue"]["key"] for r in installed.events("/filtered")] == [key]


def test_a_failed_delivery_is_tried_again_under_the_same_identifier(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    answers = iter([503, 429, 204])
    installed.answer = lambda received: next(answers)
    acme.webhooks(retryMs=20)
    new_issue(acme)
    hooks = installed.wait_for("/hooks/jira:issue_created", 3)
    acme.wait_idle()
    assert len({h.headers["x-atlassian-webhook-identifier"] for h in hooks}) == 1
    assert [h.headers.get("x-atlassian-webhook-retry") for h in hooks] == [None, "1", "2"]
    assert [row["status"] for row in acme.webhook_log()] == [503, 429, 204]


def test_a_refusal_is_final_and_five_retries_are_the_most(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    installed.answer = lambda received: 400
    acme.webhooks(retryMs=5)
    new_issue(acme)
    acme.wait_idle()
    assert len(installed.events("/hooks/jira:issue_created")) == 1
    installed.answer = lambda received: 500
    new_issue(acme)
    acme.wait_idle()
    assert len(installed.events("/hooks/jira:issue_created")) == 1 + 6


def test_held_webhooks_go_when_released_and_dropped_ones_never(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    acme.webhooks(hold=True)
    new_issue(acme)
    assert acme.control("GET", "webhooks/idle")["pending"] == 1
    assert installed.events("/hooks") == []
    assert acme.release() == 1
    installed.wait_for("/hooks/jira:issue_created")
    acme.wait_idle()  # its answer is in the log: what follows comes after it
    acme.webhooks(hold=False, drop=1)
    new_issue(acme)
    acme.wait_idle()
    assert len(installed.events("/hooks/jira:issue_created")) == 1
    assert acme.webhook_log(1)[0]["status"] == "dropped"


def test_a_duplicate_is_the_same_delivery_twice(acme: SiteHandle, installed: NoteTaker) -> None:
    acme.webhooks(duplicate=1)
    new_issue(acme)
    first, second = installed.wait_for("/hooks/jira:issue_created", 2)
    name = "x-atlassian-webhook-identifier"
    assert first.headers[name] == second.headers[name] and first.body == second.body


def test_a_property_is_told_without_moving_the_issue(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    before = acme.call("GET", "issue/WEB-1?fields=updated").json()
    acme.call("PUT", "issue/WEB-1/properties/tandem", json={"link": "x"})
    hook = installed.wait_for("/hooks/issue_property_set")[0]
    assert hook.body["property"]["key"] == "tandem"
    assert acme.call("GET", "issue/WEB-1?fields=updated").json() == before


def test_no_webhook_leaves_for_an_app_that_is_gone(acme: SiteHandle, installed: NoteTaker) -> None:
    acme.webhooks(hold=True)
    new_issue(acme)
    acme.uninstall(APP_KEY)
    acme.release()
    acme.wait_idle()
    assert installed.events("/hooks") == []
