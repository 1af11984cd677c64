"""Adds files to issues and takes them away: what that changes, and the events that follow."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from sandbox.hanging import item, record
from sandbox.media import Upload, discard, rules_of
from sandbox.model import Attachment, Issue, JsonDict
from sandbox.site import Site


def add(site: Site, issue: Issue, uploads: list[Upload], *, actor: str) -> list[Attachment]:
    """Attach the files, each with its events."""
    return [_add(site, issue, upload, actor) for upload in uploads]


def _add(site: Site, issue: Issue, upload: Upload, actor: str) -> Attachment:
    one = Attachment(
        id=site.next_small_id(),
        filename=upload.filename,
        author=actor,
        created=site.tick(issue),
        size=upload.size,
        mime=upload.mime,
        media_id=str(uuid.uuid4()),
        path=upload.path,
    )
    issue.attachments = (*issue.attachments, one)
    site.attachment_issue[one.id] = issue.id
    site.emit("attachment_created", issue=issue.snapshot(), actor=actor, attachment=one)
    change = item("Attachment", "attachment", None, None, one.id, one.filename)
    record(site, issue, (change,), actor=actor)
    return one


def copy(site: Site, source: Issue, target: Issue, *, actor: str) -> None:
    """Give a clone the files of its original, as files of its own."""
    for one in source.attachments:
        path = one.path.with_name(uuid.uuid4().hex)
        path.hardlink_to(one.path)
        _add(site, target, Upload(one.filename, one.mime, path, one.size), actor)


def remove(site: Site, issue: Issue, one: Attachment, *, actor: str) -> None:
    """Delete a file of the issue."""
    issue.attachments = tuple(other for other in issue.attachments if other.id != one.id)
    site.attachment_issue.pop(one.id, None)
    discard([one.path])
    site.emit("attachment_deleted", issue=issue.snapshot(), actor=actor, attachment=one)
    change = item("Attachment", "attachment", one.id, one.filename, None, None)
    record(site, issue, (change,), actor=actor)


def forget(site: Site, issue: Issue) -> None:
    """Delete the files of an issue that is deleted."""
    for one in issue.attachments:
        site.attachment_issue.pop(one.id, None)
    discard([one.path for one in issue.attachments])


# --- files that rich text mentions -------------------------------------------------------


def media_ids(node: Any) -> Iterator[str]:
    """The ids of the files that a document shows."""
    if isinstance(node, list):
        for part in node:
            yield from media_ids(part)
    elif isinstance(node, dict):
        attrs = node.get("attrs") or {}
        if node.get("type") in ("media", "mediaInline") and attrs.get("type") != "external":
            yield str(attrs.get("id"))
        yield from media_ids(node.get("content"))


def texts_of(site: Site, issue: Issue) -> Iterator[JsonDict | None]:
    """Every rich text of an issue."""
    for name, value in issue.fields.items():
        if name in site.fields and site.fields[name].kind == "richtext":
            yield value
    yield from (comment.body for comment in issue.comments)
    yield from (worklog.body for worklog in issue.worklogs)


def drop_unmentioned(
    site: Site, issue: Issue, before: list[JsonDict | None], *, actor: str
) -> None:
    """After an edit: delete the files that the old texts showed and that no text shows now."""
    shown = {media for text in before for media in media_ids(text)}
    if not shown or not rules_of(site).deleteUnmentioned:
        return
    shown -= {media for text in texts_of(site, issue) for media in media_ids(text)}
    for one in issue.attachments:
        if one.media_id in shown:
            remove(site, issue, one, actor=actor)
