"""The control API's part for what hangs on issues and for what people do to them in the screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

from sandbox import media, moving
from sandbox.errors import JiraError
from sandbox.model import Issue, JsonDict
from sandbox.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.world import World


def add_items(blue: Blueprint, world: World, site: Site, body: Callable[[], JsonDict]) -> None:
    """Register the switches of attachments; move, archive, clone and convert."""

    @blue.get("/attachments")
    def get_rules() -> Response:
        held = len(list(world.files.folder.iterdir()))
        return jsonify({**vars(media.rules_of(site)), "files": held})

    @blue.put("/attachments")
    def put_rules() -> Response:
        media.rules_of(site).update(body())
        return get_rules()

    def issue_of(asked: JsonDict, name: str = "issue") -> Issue:
        found = site.issue(str(asked.get(name, "")))
        if found is None:
            raise JiraError(400, f"{name}: no issue '{asked.get(name)}' on this site")
        return found

    def actor(asked: JsonDict) -> str:
        account_id = asked.get("accountId")
        if account_id is None:
            return next(u.account_id for u in site.people() if u.admin)
        if account_id not in site.users:
            raise JiraError(400, f"accountId: no user '{account_id}' on this site")
        return str(account_id)

    def type_of(asked: JsonDict) -> str | None:
        name = asked.get("issuetype")
        if name is None:
            return None
        found = next((t.id for t in site.issue_types.values() if name in (t.id, t.name)), None)
        if found is None:
            raise JiraError(400, f"issuetype: '{name}' is no type of this site")
        return found

    @blue.post("/move")
    def move() -> Response:
        asked: Any = body()
        with site.lock:
            issue = issue_of(asked)
            project = site.project(str(asked.get("project", issue.project_id)))
            if project is None:
                raise JiraError(400, f"project: '{asked.get('project')}' is none of this site")
            moving.move(site, issue, project, type_of(asked), actor=actor(asked))
        return jsonify(id=issue.id, key=issue.key)

    @blue.post("/archive")
    def archive() -> Response:
        asked: Any = body()
        with site.lock:
            issue = issue_of(asked)
            undo = asked.get("undo") is True
            count = moving.archive(site, issue, actor=actor(asked), undo=undo)
        return jsonify(id=issue.id, key=issue.key, count=count)

    @blue.post("/clone")
    def clone() -> Response:
        asked: Any = body()
        with site.lock:
            made = moving.clone(
                site,
                issue_of(asked),
                actor=actor(asked),
                attachments=asked.get("attachments") is True,
                properties=asked.get("properties") is True,
            )
        return jsonify(id=made.id, key=made.key)

    @blue.post("/convert")
    def convert() -> Response:
        asked: Any = body()
        with site.lock:
            issue = issue_of(asked)
            parent = issue_of(asked, "parent") if asked.get("parent") else None
            moving.convert(site, issue, parent, type_of(asked), actor=actor(asked))
        return jsonify(id=issue.id, key=issue.key)
