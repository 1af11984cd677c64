"""What a site's admins change of fields, types and people: what metadata tells then, and whom it is
told to."""

from __future__ import annotations

import pytest
import requests

from sandbox.process import SiteHandle
from sandbox.tests.helpers import APP_KEY, NoteTaker, new_issue
from sandbox.tests.test_fields import read, write

pytestmark = pytest.mark.real

SEVERITY, PLATFORMS = "customfield_10035", "customfield_10036"


def listed(site: SiteHandle) -> dict[str, str]:
    """The fields of the site, by id."""
    return {one["id"]: one["name"] for one in site.call("GET", "field").json()}


def test_a_field_is_made_renamed_retyped_and_deleted_and_a_reset_takes_it_back(
    acme: SiteHandle,
) -> None:
    key = new_issue(acme)
    screen = acme.call("GET", f"issue/{key}/editmeta").json()["fields"]
    old = {one["id"]: one["value"] for one in screen[SEVERITY]["allowedValues"]}
    high = {"value": next(iter(old.values()))}
    assert write(acme, key, **{SEVERITY: high}) == {}
    made = acme.control("POST", "fields", {"name": "Weight", "like": SEVERITY})
    assert listed(acme)[made["id"]] == "Weight"
    assert [one["value"] for one in made["options"]] == list(old.values())
    assert not old.keys() & {one["id"] for one in made["options"]}
    assert write(acme, key, **{made["id"]: {"id": made["options"][0]["id"]}}) == {}

    acme.control("PUT", "fields", {"field": made["id"], "name": "Load"})
    assert listed(acme)[made["id"]] == "Load"
    assert read(acme, key, made["id"])["value"] == made["options"][0]["value"]
    changed = acme.control("PUT", "fields", {"field": made["id"], "like": PLATFORMS})
    assert changed["kind"] == "options"
    assert read(acme, key, made["id"]) is None
    assert write(acme, key, **{made["id"]: [{"id": changed["options"][0]["id"]}]}) == {}

    acme.control("DELETE", f"fields/{SEVERITY}")
    assert SEVERITY not in listed(acme)
    fields = acme.call("GET", f"issue/{key}").json()["fields"]
    assert SEVERITY not in fields
    refused = acme.call("PUT", f"issue/{key}", json={"fields": {SEVERITY: high}})
    assert refused.status_code == 400
    for wrong in ("summary", SEVERITY):
        with pytest.raises(requests.HTTPError, match="no custom field"):
            acme.control("DELETE", f"fields/{wrong}")
    acme.reset()
    assert listed(acme)[SEVERITY] == "Severity"
    assert made["id"] not in listed(acme)


def types(site: SiteHandle) -> dict[str, str]:
    """The types of a project, by name."""
    found = site.call("GET", "issue/createmeta/WEB/issuetypes").json()["issueTypes"]
    return {one["name"]: one["id"] for one in found}


def test_admins_events_tell_of_a_deleted_type_and_version_and_of_a_person(
    acme: SiteHandle, note_taker: NoteTaker
) -> None:
    events = ("issuetype_deleted", "jira:version_deleted", "user_updated")
    hooks = [{"event": one, "url": f"/hooks/{one}"} for one in events]
    note_taker.descriptor["modules"]["webhooks"] = hooks
    acme.install(note_taker.descriptor_url)
    before = types(acme)
    new_issue(acme, issuetype={"name": "Task"})
    with pytest.raises(requests.HTTPError, match="are of the type"):
        acme.control("DELETE", "issuetypes/Task")
    acme.control("DELETE", f"issuetypes/{before['Sub-task']}")
    assert types(acme) == {name: id_ for name, id_ in before.items() if name != "Sub-task"}
    [told] = note_taker.wait_for("/hooks/issuetype_deleted")
    assert told.body is not None
    assert told.body["issuetype"] == {"id": before["Sub-task"], "name": "Sub-task"}

    assert acme.call("DELETE", "version/10023").status_code == 204
    [told] = note_taker.wait_for("/hooks/jira:version_deleted")
    assert told.body is not None
    assert told.body["version"]["id"] == "10023"

    tester = next(one for one in acme.users if one["email"].startswith("tester"))["accountId"]
    acme.control("PUT", "people", {tester: {"active": False}})
    acme.control("PUT", "people", {tester: {"active": False, "showsEmail": False}})
    acme.control("PUT", "people", {tester: {"active": True}})
    both = note_taker.wait_for("/hooks/user_updated", 2)
    told_of = {(one.body["user"]["accountId"], one.body["user"]["active"])
               for one in both if one.body}  # fmt: skip
    assert told_of == {(tester, False), (tester, True)}
    acme.uninstall(APP_KEY)
    acme.reset()
    assert types(acme) == before
