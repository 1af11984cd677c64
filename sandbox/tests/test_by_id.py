"""Single values of fields by their ids: there, and not there once they are gone."""

from __future__ import annotations

import pytest

from sandbox.process import SiteHandle

pytestmark = pytest.mark.real


def test_what_a_site_has_is_found_by_its_id_and_anything_else_is_404(acme: SiteHandle) -> None:
    sup = acme.call("GET", "project/SUP").json()["id"]
    desk = f"/rest/servicedeskapi/servicedesk/{sup}/requesttype"
    priority = acme.call("GET", "priority").json()[0]
    resolution = acme.call("GET", "resolution").json()[0]
    status = acme.call("GET", "status").json()[0]
    for path, id_, name in (
        ("/rest/api/3/priority", priority["id"], priority["name"]),
        ("/rest/api/3/resolution", resolution["id"], resolution["name"]),
        ("/rest/api/3/status", status["id"], status["name"]),
        (desk, "25", None),
    ):
        found = acme.call("GET", f"{path}/{id_}")
        assert found.status_code == 200, found.text
        assert found.json()["id"] == id_
        assert name in {None, found.json()["name"]}
        assert acme.call("GET", f"{path}/99999").status_code == 404
    for path in ("/rest/agile/1.0/sprint", "/rest/servicedeskapi/organization"):
        assert acme.call("GET", f"{path}/99999").status_code == 404


def test_an_option_is_found_while_it_is_switched_off_and_not_once_it_is_deleted(
    acme: SiteHandle,
) -> None:
    select = "customfield_10035"
    made = acme.control("POST", "options", {"field": select, "value": "Passing"})["id"]
    path = f"customFieldOption/{made}"
    acme.control("PUT", "options", {"field": select, "option": made, "disabled": True})
    assert acme.call("GET", path).json()["value"] == "Passing"
    acme.control("DELETE", f"options/{select}/{made}")
    assert acme.call("GET", path).status_code == 404
