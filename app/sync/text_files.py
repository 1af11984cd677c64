"""The files that the texts of a pair show: what they are on the other side, and which may go."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.jira.site import Issue, JiraSite
from app.mapping.profile import ItemKind, Profile, Side
from app.mapping.rich import File
from app.sync.items.hand import Work
from app.sync.items.media import Media, deleted_of, twins_of


@dataclass(frozen=True)
class TextFiles:
    """Answers `lookups.Files` for one pair."""

    media: Mapping[Side, Media]
    coming: Mapping[Side, frozenset[str]]
    """By the side that they are carried to: files of the other side that this visit is to carry."""

    def files(self, to: Side, wanted: Collection[str]) -> dict[str, File]:
        """What these media of the other side are on `to`; what is still to come is left out.
        Raises SiteError."""
        media = self.media[to]
        coming = media.shown(self.coming[to], wanted) if self.coming[to] else set()
        return media.files([one for one in wanted if one not in coming])

    def gone(self, side: Side, wanted: Collection[str]) -> frozenset[str]:
        """Which of these media of a side are files of its issue no more, or soon. Raises
        SiteError."""
        return self.media[side].gone(wanted)


@dataclass(frozen=True)
class NoFiles:
    """Answers for an issue that has no twin yet: all its files are to come, or none is."""

    waits: bool

    def files(self, to: Side, wanted: Collection[str]) -> dict[str, File]:
        """See TextFiles."""
        return {} if self.waits else {one: File(None) for one in wanted}

    def gone(self, side: Side, wanted: Collection[str]) -> frozenset[str]:
        """See TextFiles."""
        return frozenset()


def text_files(
    profile: Profile, sites: Mapping[Side, JiraSite], issues: Mapping[Side, Issue], work: Work
) -> TextFiles | None:
    """The files of a pair, where the profile carries files: what its visit is about to do counts as
    done where it deletes, and as to come where it makes."""
    if all(one.kind is not ItemKind.ATTACHMENTS for one in profile.items):
        return None
    plans = [one.plan for one in work.planned if one.plan.mapping.kind is ItemKind.ATTACHMENTS]
    # With those that this visit has found by their marks, as after the loss of the rows.
    found = {row.id: row for row in (*work.rows, *(row for plan in plans for row in plan.rows))}
    rows = found.values()
    media: dict[Side, Media] = {}
    coming: dict[Side, frozenset[str]] = {}
    for to in Side:
        leaving = {one.twin.id for plan in plans for one in plan.deletes if one.to is to}
        media[to] = Media(
            sites[to.other],
            sites[to],
            issues[to.other],
            issues[to],
            twins_of(rows, to.other),
            deleted_of(rows, to) | leaving,
        )
        coming[to] = frozenset(
            one.source.id for plan in plans for one in plan.creates if one.to is to
        )
    return TextFiles(media, coming)


def carries_files(profile: Profile, to: Side) -> bool:
    """Whether a profile carries files to a side."""
    return any(one.kind is ItemKind.ATTACHMENTS and one.flow.feeds(to) for one in profile.items)
