"""The calls to one site, through atlassian-python-api's client: answers, refusals and pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from atlassian import Jira

from app.jira.credential import Credential
from app.jira.outbound import (
    AddressRefused,
    NetworkPolicy,
    Stopped,
    guarded_session,
    streaming_session,
)
from app.jira.site import Observer, SiteError
from app.said import said, together, words_of

# The client logs whole answers at debug level; issue content never reaches a log.
logging.getLogger("atlassian").setLevel(logging.WARNING)

SILENCE_SECONDS = 30  # how long a site may say nothing
PAGE = 100


class Wire:
    """Calls one site as the app. Each call is told to an observer."""

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        policy: NetworkPolicy,
        *,
        seconds: float,
        observe: Observer,
    ) -> None:
        """`seconds` is what one call may take, from the look-up of the name to the last byte."""
        self._base_url = base_url
        self._observe = observe
        self._credential, self.policy = credential, policy
        session = guarded_session(policy, auth=credential.auth(), seconds=seconds)
        # Its own retries (1,000, for up to half an hour) stay off: backing off is the worker's.
        self._client = Jira(
            base_url,
            session=session,
            cloud=True,
            advanced_mode=True,
            backoff_and_retry=False,
            retry_with_header=False,  # it would sleep in our thread for as long as a site likes
            timeout=SILENCE_SECONDS,
        )

    @property
    def base_url(self) -> str:
        """The site's address."""
        return self._base_url

    @contextmanager
    def streaming(self, *, limit: int, seconds: float) -> Iterator[requests.Session]:
        """A session as the app, for one call with a long body: see `streaming_session`."""
        auth = self._credential.auth()
        with streaming_session(self.policy, auth=auth, limit=limit, seconds=seconds) as session:
            yield session

    def told(self, method: str, path: str, answer: requests.Response) -> requests.Response:
        """An answer of such a session, after the observer was told of it. Raises SiteError for all
        but a 2xx or a redirect."""
        error = None
        if not 200 <= answer.status_code < 400:
            error = _refusal(self._base_url, method, path, answer)
        self._observe(answer.headers, error)
        if error is not None:
            raise error
        return answer

    def pages(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """What is listed under `name`, page by page. Raises SiteError."""
        start = 0
        while True:
            answer = self.call("GET", path, params={"startAt": start, "maxResults": PAGE})
            values = answer.get(name, [])
            yield from values
            start += len(values)
            if not values or answer.get("isLast", start >= answer.get("total", 0)):
                return

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One call. Raises SiteError for everything but a 2xx with a JSON object (or nothing)."""
        parsed = self.answer(method, path, params=params, body=body)
        if not isinstance(parsed, dict):
            raise SiteError(
                said(
                    "%(base_url)s answered %(method)s %(path)s in an unknown form.",
                    base_url=self._base_url,
                    method=method,
                    path=path,
                )
            )
        return parsed

    def answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """One call, of which the observer is told. Raises SiteError for all but a 2xx with JSON
        (or nothing)."""
        try:
            headers, parsed = self._ask(method, path, params=params, body=body)
        except SiteError as error:
            self._observe({}, error)
            raise
        self._observe(headers, None)
        return parsed

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> tuple[Mapping[str, str], Any]:
        try:
            answer = self._client.request(
                method=method,
                path=path,
                params=dict(params or {}),
                data=dict(body) if body is not None else None,
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                allow_redirects=False,
            )
        except AddressRefused as fault:
            raise SiteError(together([self._base_url, words_of(fault)])) from fault
        except Stopped as fault:
            raise SiteError(
                said(
                    "%(site)s %(fault)s for %(method)s %(path)s.",
                    site=self._base_url,
                    fault=words_of(fault),
                    method=method,
                    path=path,
                )
            ) from fault
        except requests.RequestException as fault:
            raise SiteError(
                said(
                    "%(base_url)s did not answer (%(name)s). It is tried again.",
                    base_url=self._base_url,
                    name=type(fault).__name__,
                )
            ) from fault
        if not 200 <= answer.status_code < 300:
            raise _refusal(self._base_url, method, path, answer)
        if answer.status_code == 204 or not answer.content:
            return answer.headers, {}
        try:
            return answer.headers, answer.json()
        except (ValueError, RecursionError) as fault:
            raise SiteError(
                said(
                    "%(base_url)s answered %(method)s %(path)s with something that is not "
                    "JSON, as during maintenance. It is tried again.",
                    base_url=self._base_url,
                    method=method,
                    path=path,
                )
            ) from fault


def _refusal(site: str, method: str, path: str, answer: requests.Response) -> SiteError:
    """What a site's refusal says, as an error that tells who may mend it."""
    sentences: list[str] = []
    by_field: dict[str, str] = {}
    try:
        body = answer.json()
        sentences += [str(one) for one in body.get("errorMessages") or []]
        by_field = {str(k): str(v) for k, v in (body.get("errors") or {}).items()}
    except (ValueError, RecursionError, AttributeError, TypeError):
        pass  # an HTML page of a proxy or of maintenance
    sentences += [f"{name}: {text}" for name, text in by_field.items()]
    told = "; ".join(sentences)[:500] or said("no reason given")
    return SiteError(
        said(
            "%(site)s answered %(status_code)s to %(method)s %(path)s: %(words)s",
            site=site,
            status_code=answer.status_code,
            method=method,
            path=path,
            words=told,
        ),
        site_status=answer.status_code,
        retry_after=_seconds(answer.headers.get("Retry-After")),
        field_errors=by_field,
        limit=_limit(answer),
    )


def _limit(answer: requests.Response) -> str | None:
    """Which limit a 429 was for. The site's word is not kept: only which of ours it means."""
    if answer.status_code != 429:
        return None
    reason = answer.headers.get("RateLimit-Reason", "")
    known = (("issue-on-write", "issue"), ("burst", "burst"), ("quota", "points"))
    return next((limit for mark, limit in known if mark in reason), "rate")


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None  # a date: our own back-off serves
