"""A Jira Cloud site that is called as a person, by API token: Tandem is not installed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.jira.cloud import CloudSite
from app.jira.credential import Credential
from app.jira.outbound import NetworkPolicy
from app.jira.site import Created, JiraSite, Observer, SiteError
from app.jira.wire import Wire

QUIET = "notifyUsers"
_loud: set[tuple[str, int]] = set()
"""The sites, with the credential, that let us write, but not without a mail to the watchers."""


class Finder(Protocol):
    """Finds twins by their marks where the site has no index of these."""

    def __call__(
        self, site: JiraSite, profile: str, sources: Sequence[int], *, of_a_create: bool
    ) -> dict[int, Created]:
        """The twins of these sources, by the source's id. `of_a_create`: only one whose create is
        under way may be there. Raises SiteError."""


class TokenWire(Wire):
    """Calls as a person, who may lack what an app is always allowed."""

    @property
    def _key(self) -> tuple[str, int]:
        return self.base_url, hash(self._credential)

    def answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """See Wire.answer. Only who administers a project may write without a mail to watchers;
        others' writes are refused with a 403, and sent again with it."""
        # Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        rest = {name: value for name, value in (params or {}).items() if name != QUIET}
        if len(rest) == len(params or {}) or self._key in _loud:
            return super().answer(method, path, params=rest, body=body)
        try:
            return super().answer(method, path, params=params, body=body)
        except SiteError as error:
            if error.site_status != 403:
                raise
        answer = super().answer(method, path, params=rest, body=body)
        _loud.add(self._key)
        return answer


class TokenSite(CloudSite):
    """Implements `app.jira.site.JiraSite` for a site without Tandem: its search knows no marks."""

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        policy: NetworkPolicy,
        *,
        find: Finder,
        observe: Observer = lambda headers, error: None,
    ) -> None:
        super().__init__(base_url, credential, policy, observe=observe, wire=TokenWire)
        self._find = find

    def find_twin(self, profile: str, source_issue_id: int) -> Created | None:
        """See JiraSite.find_twin."""
        found = self._find(self, profile, [source_issue_id], of_a_create=True)
        return found.get(source_issue_id)

    def find_twins(self, profile: str, source_ids: Sequence[int]) -> dict[int, Created]:
        """See JiraSite.find_twins."""
        return self._find(self, profile, source_ids, of_a_create=False)
