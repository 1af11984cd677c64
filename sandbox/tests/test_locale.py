"""The language of a person's pages: the chosen one, else the browser's, else the site's own."""

from __future__ import annotations

import pytest

from sandbox.process import SiteHandle

LOCALE = "mypreferences/locale"


@pytest.mark.parametrize(
    ("asked", "locale"),
    [
        ("de-DE,de;q=0.9,en;q=0.5", "de_DE"),
        ("de-AT", "de_DE"),
        ("xx, fr;q=0.5", "fr_FR"),
        ("xx", "en_US"),
        ("de;q=0", "en_US"),
    ],
)
def test_who_chose_no_language_gets_the_browsers(acme: SiteHandle, asked: str, locale: str) -> None:
    headers = {"Accept-Language": asked}
    assert acme.call("GET", LOCALE, headers=headers).json() == {"locale": locale}
    assert acme.call("GET", "myself", headers=headers).json()["locale"] == locale


def test_a_chosen_language_wins_over_the_browsers(acme: SiteHandle) -> None:
    assert acme.call("PUT", LOCALE, json={"locale": "de_DE"}).status_code == 204
    headers = {"Accept-Language": "fr"}
    assert acme.call("GET", LOCALE, headers=headers).json() == {"locale": "de_DE"}


def test_a_language_that_the_site_does_not_have_is_refused(acme: SiteHandle) -> None:
    refused = acme.call("PUT", LOCALE, json={"locale": "xx_XX"})
    assert refused.status_code == 400
    assert "xx_XX" in refused.json()["errorMessages"][0]
    assert acme.call("GET", LOCALE, headers={"Accept-Language": ""}).json() == {"locale": "en_US"}
