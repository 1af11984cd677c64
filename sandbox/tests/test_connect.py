"""The installer, tokens and page addresses, as an app sees them."""

from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

from sandbox import tokens
from sandbox.process import Running, SiteHandle
from sandbox.tests.helpers import (
    APP_KEY,
    NoteTaker,
    as_app,
    by_the_document,
    secret_of,
    token_of,
    unverified,
)

pytestmark = pytest.mark.real


def test_installed_is_signed_by_the_key_that_the_hub_serves(
    sandbox: Running, installed: NoteTaker
) -> None:
    call = installed.events("/installed")[0]
    token = token_of(call)
    kid = jwt.get_unverified_header(token)["kid"]
    answer = requests.get(f"{sandbox.hub}/install-keys/{kid}", timeout=90)
    assert answer.headers["Content-Type"].startswith("text/plain")
    claims = jwt.decode(token, answer.text, algorithms=["RS256"], audience=installed.base_url)
    assert claims["iss"] == call.body["clientKey"]
    assert claims["qsh"] == tokens.query_string_hash("POST", "/installed", "")
    assert call.body["eventType"] == "installed" and call.body["sharedSecret"]
    assert call.body["baseUrl"] == sandbox.acme.url


def test_enabled_follows_signed_by_the_shared_secret(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    call = installed.wait_for("/enabled")[0]
    claims = jwt.decode(token_of(call), secret_of(acme), algorithms=["HS256"])
    assert claims["iss"] == call.body["clientKey"]
    assert "sharedSecret" not in call.body


def test_an_app_that_refuses_is_not_installed(acme: SiteHandle, note_taker: NoteTaker) -> None:
    note_taker.answer = lambda received: 401
    answer = requests.post(
        f"{acme.url}/sandbox/apps", json={"descriptorUrl": note_taker.descriptor_url}, timeout=90
    )
    assert answer.status_code == 502 and answer.json()["status"] == 401
    assert acme.apps() == []


def test_a_refused_reinstall_keeps_the_old_secret(acme: SiteHandle, installed: NoteTaker) -> None:
    old = secret_of(acme)
    installed.answer = lambda received: 500
    with pytest.raises(requests.HTTPError):
        acme.install(installed.descriptor_url)
    assert secret_of(acme) == old


def test_a_reinstall_brings_a_new_secret_for_the_same_client(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    acme.install(installed.descriptor_url)
    first, second = (call.body for call in installed.events("/installed"))
    assert first["clientKey"] == second["clientKey"]
    assert first["sharedSecret"] != second["sharedSecret"]
    old = as_app(acme, "GET", "/rest/api/3/myself", secret=first["sharedSecret"])
    assert old.status_code == 401
    assert as_app(acme, "GET", "/rest/api/3/myself").json()["accountType"] == "app"


def test_uninstall_tells_disabled_then_uninstalled_without_a_secret(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    acme.uninstall(APP_KEY)
    names = [r.path for r in installed.received]
    assert names == ["/installed", "/enabled", "/disabled", "/uninstalled"]
    last = installed.received[-1]
    assert jwt.get_unverified_header(token_of(last))["alg"] == "RS256"
    assert "sharedSecret" not in last.body


def test_a_wrong_descriptor_is_refused_with_every_fault(
    acme: SiteHandle, note_taker: NoteTaker
) -> None:
    note_taker.descriptor["scopes"] = ["FLY"]
    note_taker.descriptor["authentication"] = {"type": "none"}
    note_taker.descriptor["modules"]["generalPages"][0]["key"] = "no spaces"
    answer = requests.post(
        f"{acme.url}/sandbox/apps", json={"descriptorUrl": note_taker.descriptor_url}, timeout=90
    )
    assert answer.status_code == 400
    places = {message.partition(":")[0] for message in answer.json()["errorMessages"]}
    assert {"scopes", "authentication.type", "modules.generalPages[0].key"} <= places
    assert note_taker.received == []


def test_a_page_address_is_signed_over_its_whole_query(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    who = acme.users[1]["accountId"]
    url = acme.page_url(APP_KEY, "main", accountId=who)
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert query["xdm_e"] == [acme.url] and query["a"] == ["b c"] and query["cp"] == [""]
    claims = jwt.decode(query["jwt"][0], secret_of(acme), algorithms=["HS256"])
    assert claims["sub"] == who
    assert claims["qsh"] == tokens.hash_of_url("GET", url, installed.base_url)


def test_an_issue_panel_knows_its_issue(acme: SiteHandle, installed: NoteTaker) -> None:
    url = acme.page_url(APP_KEY, "panel", issueKey="WEB-1")
    query = parse_qs(urlsplit(url).query)
    assert query["issue"] == ["WEB-1"]
    assert unverified(query["jwt"][0])["context"]["jira"]["issue"]["key"] == "WEB-1"


def test_a_context_token_carries_the_fixed_hash(acme: SiteHandle, installed: NoteTaker) -> None:
    claims = unverified(acme.context_token(APP_KEY))
    assert claims["qsh"] == "context-qsh" and claims["sub"] == acme.admin["accountId"]


def test_the_hash_follows_atlassians_rules() -> None:
    same = tokens.query_string_hash("get", "/a&b/", "b=2&a=x*y&a=a%20b&jwt=zzz&c=~")
    import hashlib

    text = "GET&/a%26b&a=a%20b,x%2Ay&b=2&c=~"
    assert same == hashlib.sha256(text.encode()).hexdigest()
    assert tokens.query_string_hash("POST", "", "") == hashlib.sha256(b"POST&/&").hexdigest()


def test_a_token_for_another_path_is_refused(acme: SiteHandle, installed: NoteTaker) -> None:
    qsh = tokens.query_string_hash("GET", "/rest/api/3/serverInfo", "")
    token = tokens.sign_hs256(secret_of(acme), tokens.claims(APP_KEY, qsh))
    answer = requests.get(
        f"{acme.url}/rest/api/3/myself", headers={"Authorization": f"JWT {token}"}, timeout=90
    )
    assert answer.status_code == 401 and "qsh" in answer.text


@by_the_document
def test_scopes_decide_what_an_app_may_do(acme: SiteHandle, installed: NoteTaker) -> None:
    assert as_app(acme, "DELETE", "/rest/api/3/issue/WEB-1").status_code == 403
    body = {"issueIdsOrKeys": ["WEB-1"]}
    closed = as_app(acme, "POST", "/rest/api/3/changelog/bulkfetch", json=body)
    assert closed.status_code == 403
    path = "/rest/api/3/issue/WEB-1/properties/tandem"
    assert as_app(acme, "PUT", path, json={"link": "x"}).status_code == 201


def test_a_disabled_app_can_do_nothing(acme: SiteHandle, installed: NoteTaker) -> None:
    acme.control("POST", f"apps/{APP_KEY}/disable")
    assert as_app(acme, "GET", "/rest/api/3/myself").status_code == 401
    acme.control("POST", f"apps/{APP_KEY}/enable")
    assert as_app(acme, "GET", "/rest/api/3/myself").status_code == 200


@by_the_document
def test_app_properties_belong_to_the_app_alone(acme: SiteHandle, installed: NoteTaker) -> None:
    base = f"/rest/atlassian-connect/1/addons/{APP_KEY}/properties"
    assert as_app(acme, "PUT", f"{base}/a", json={"x": 1}).status_code == 201
    assert as_app(acme, "PUT", f"{base}/a", json={"x": 2}).status_code == 200
    assert as_app(acme, "GET", f"{base}/a").json() == {"key": "a", "value": {"x": 2}}
    assert as_app(acme, "PUT", f"{base}/b", json="x" * 32_768).status_code == 400
    assert acme.call("GET", f"{base}/a").status_code == 401
    other = "/rest/atlassian-connect/1/addons/other-app/properties/a"
    assert as_app(acme, "GET", other).status_code == 401
    assert [k["key"] for k in as_app(acme, "GET", base).json()["keys"]] == ["a"]
    assert as_app(acme, "DELETE", f"{base}/a").status_code == 204
    assert as_app(acme, "GET", f"{base}/a").status_code == 404


def test_an_indexed_property_can_be_searched_for_only_while_the_app_is_there(
    acme: SiteHandle, installed: NoteTaker
) -> None:
    acme.call("PUT", "issue/WEB-2/properties/tandem", json={"link": "L-7"})
    jql = 'issue.property[tandem].link = "L-7"'
    found = acme.call("POST", "search/jql", json={"jql": jql, "fields": ["summary"]}).json()
    assert [i["key"] for i in found["issues"]] == ["WEB-2"]
    acme.uninstall(APP_KEY)
    assert acme.call("POST", "search/jql", json={"jql": jql}).status_code == 400
