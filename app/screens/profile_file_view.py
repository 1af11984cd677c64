"""A profile as a file on its page: shown to be kept, and taken once its differences were seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flask import request

from app.language import gettext as _
from app.mapping import history, revisions, taking
from app.mapping.approvals import Saved
from app.mapping.difference import differences
from app.mapping.profile import Side
from app.mapping.told import Difference
from app.mapping.yaml_file import Content, read, write
from app.mapping.yaml_nodes import MAX_CHARACTERS, Fault, FileProblem
from app.screens.forms import form_id, refuse
from app.screens.profile_view import Made, ProfileView, Seen, Taken
from app.tenants.caller import Caller
from app.tenants.roles import Standing

NAME_LIMIT = 60  # characters: 240 bytes at most, where file systems take 255


@dataclass(frozen=True)
class Shown:
    """What a file would change. `digest`: of the file, so that no other is taken than was shown.
    `pace`: how often the sides would be searched, where that is another."""

    digest: str
    base: int
    found: list[Difference]
    pace: int | None
    other_name: str | None


class ProfileFiles:
    """Files of profiles, for people who may map."""

    def __init__(self, page: ProfileView) -> None:
        self._page = page

    def text(self, seen: Seen) -> str:
        """The profile as a file, without the partner's filter."""
        stored = seen.stored
        pace = history.pace_of(seen.stored.tenants[seen.side], stored.id)
        names = self._page.names(seen, ask=True)
        hidden = frozenset({seen.side.other})
        return write(stored.profile, stored.name, pace, names, hidden=hidden)

    def shown(self, seen: Seen) -> Shown:
        """What the file of the form would change. Raises Problem."""
        text = form_file()
        content = read(text)
        new = taking.wanted(content, seen.stored.profile, taking.Parties(seen.sites, seen.side))
        names = self._page.names(seen, ask=False)
        found = differences(seen.stored.profile, new, names)
        other_name = content.name if content.name not in {None, seen.stored.name} else None
        return Shown(
            _digest(text),
            seen.stored.revision,
            self._page.shown(seen, found),
            self._pace(seen, content),
            other_name,
        )

    def take(self, caller: Caller, standing: Standing, seen: Seen) -> Taken:
        """Take the file of the form, if it is the one that was shown. Raises Problem."""
        text = form_file()
        if request.form.get("take") != _digest(text):
            raise refuse(
                "file",
                _("this is another file than the one that was compared. Compare it again first."),
            )
        content = read(text)
        old = seen.stored.profile
        new = taking.wanted(content, old, taking.Parties(seen.sites, seen.side))
        taken = Taken(Saved(seen.stored.revision, in_force=True))
        if new != old:
            taken = self._page.take(caller, standing, seen, new, {"from": "file"})
        pace = self._pace(seen, content)
        if pace is not None:
            revisions.set_interval(self._page.record, seen.stored, pace, by=caller)
        return taken

    def create(self, caller: Caller, standing: Standing) -> Made:
        """A new profile of the file of the form, with the partner of its `connection`. The caller's
        side is its left one. Raises Problem, NotFound."""
        connection = form_id("connection")
        content = read(form_file())
        partner = self._page.partner(caller, connection)
        sites = {
            Side.LEFT: self._page.desk.site_name(caller.tenant),
            Side.RIGHT: self._page.desk.site_name(partner),
        }
        profile = taking.between(content, sites)
        self._page.desk.require_project(standing, int(profile.left.project_id))
        name = request.form.get("name", "").strip() or content.name
        if name is None:
            raise refuse("name", _("the file names no profile. Give it a name."))
        return self._page.create(caller, connection, name, profile)

    @staticmethod
    def _pace(seen: Seen, content: Content) -> int | None:
        now = history.pace_of(seen.stored.tenants[seen.side], seen.stored.id)
        return content.search_seconds if content.search_seconds not in {None, now} else None


def file_name(profile: str) -> str:
    """What the file of a profile is called: its name, of letters and digits of any script."""
    plain = "".join(each if each.isalnum() else "-" for each in profile.lower())
    words = "-".join(one for one in plain.split("-") if one)
    return f"{words[:NAME_LIMIT].rstrip('-') or 'profile'}.yaml"


def form_file() -> str:
    """The text of the form, of its file or else of its field. Raises Problem."""
    sent = request.files.get("upload")
    if sent is not None and sent.filename:
        raw = sent.stream.read(4 * MAX_CHARACTERS + 1)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            sentence = _("the file is no text in UTF-8. Choose an export of a profile.")
            raise FileProblem(Fault(None, "", sentence)) from None
    # A form's own lines end in CR and LF.
    text = request.form.get("text", "").replace("\r\n", "\n")
    if not text.strip():
        raise refuse("text", _("choose a file, or paste its text."))
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
