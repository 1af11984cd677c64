"""The sentence of a check: how many pairs agree, and what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.language import gettext as _
from app.language import ngettext
from app.mapping.profile import Side
from app.sync.completeness_items import Lack
from app.sync.completeness_store import Check
from app.sync.items.reads import Amiss

SHOWN = 10
"""How many that do not agree the sentence names."""


def sentence(
    check: Check | None,
    tenant: UUID,
    name_of: Callable[[str], str],
    now: datetime | None = None,
    *,
    shown: int = SHOWN,
    between: str = " ",
) -> str:
    """What a check found or is at, for people of one of the two sites.

    `name_of` gives a field's name by its id. Times are in UTC, with the date where it is not today.
    Where items differ, a sentence for each pair follows, with `between` before it.
    """
    if check is None or check.started_at is None:
        return _("Not checked yet.")
    if check.runs:
        return _running(check)
    at = _at(check.finished_at or check.started_at, now or datetime.now(UTC))
    head = _head(check, at)
    own = Side.LEFT if check.left_tenant_id == tenant else Side.RIGHT
    rest = [*_wrong(check, own, name_of, shown), *_aside(check, name_of)]
    return between.join(["; ".join([head, *rest]) + ".", *_items(check, shown)])


def well(check: Check) -> bool:
    """Whether a finished check found nothing that is not in step."""
    return not (check.differing or check.gone or check.only_left or check.only_right)


def _running(check: Check) -> str:
    """How far a check is."""
    about = max(check.about, check.pairs)
    said = ngettext(
        "Checking: %(done)s of about %(count)s pair.",
        "Checking: %(done)s of about %(count)s pairs.",
        about,
        done=f"{check.pairs:,}",
        count=f"{about:,}",
    )
    if not check.attempts:
        return said
    return f"{said} {_('It waits for a site that does not answer or refuses.')}"


def _head(check: Check, at: str) -> str:
    """How many pairs agreed, and when."""
    if not check.pairs:
        return _("There were no pairs at %(time)s", time=at)
    count = f"{check.pairs:,}"
    if check.agreed == check.pairs:
        return ngettext(
            "The one pair agreed at %(time)s",
            "All %(count)s pairs agreed at %(time)s",
            check.pairs,
            time=at,
            count=count,
        )
    return ngettext(
        "%(agreed)s of %(count)s pair agreed at %(time)s",
        "%(agreed)s of %(count)s pairs agreed at %(time)s",
        check.pairs,
        agreed=f"{check.agreed:,}",
        count=count,
        time=at,
    )


def _items(check: Check, shown: int) -> Iterator[str]:
    """What the items of pairs lack, for each pair by both of its keys."""
    found = [one for one in check.named if one.get("items")]
    for one in found[:shown]:
        keys = " / ".join(one[side.value] or _("an issue") for side in Side)
        yield f"{keys}: {', '.join(_lacks(one['items']))}."
    if len(found) > shown:
        yield "…"


def _lacks(items: Sequence[Lack]) -> Iterator[str]:
    """What items lack, each kind and side in words. One that differs does so on both sides."""
    counts: dict[tuple[str, Amiss, str], int] = {}
    for one in items:
        how = Amiss(one["how"])
        place = (one["kind"], how, "" if how is Amiss.DIFFERENT else one["side"])
        counts[place] = counts.get(place, 0) + one["count"]
    for (kind, how, side), count in counts.items():
        yield _lack(how, side, count, _counted(kind, count))


def _lack(how: Amiss, side: str, count: int, things: str) -> str:
    """What is the matter with so many things of one kind, and on which side."""
    if how is Amiss.DIFFERENT:
        return ngettext("%(things)s differs", "%(things)s differ", count, things=things)
    if how is Amiss.SURPLUS:
        if side == "left":
            return _("%(things)s should be gone on the left side", things=things)
        return _("%(things)s should be gone on the right side", things=things)
    if side == "left":
        return ngettext(
            "%(things)s is missing on the left side",
            "%(things)s are missing on the left side",
            count,
            things=things,
        )
    return ngettext(
        "%(things)s is missing on the right side",
        "%(things)s are missing on the right side",
        count,
        things=things,
    )


def _counted(kind: str, count: int) -> str:
    """So many items of a kind."""
    given = f"{count:,}"
    words = {
        "comments": ngettext("%(count)s comment", "%(count)s comments", count, count=given),
        "attachments": ngettext("%(count)s file", "%(count)s files", count, count=given),
        "worklogs": ngettext("%(count)s worklog", "%(count)s worklogs", count, count=given),
        "links": ngettext("%(count)s link", "%(count)s links", count, count=given),
        "remote_link": ngettext(
            "%(count)s link to the twin", "%(count)s links to the twin", count, count=given
        ),
    }
    return words[kind]


def _kinds() -> dict[str, str]:
    """The kinds of items, by name."""
    return {
        "comments": _("comments"),
        "attachments": _("files"),
        "worklogs": _("worklogs"),
        "links": _("links"),
        "remote_link": _("links to the twin"),
    }


def _wrong(check: Check, own: Side, name_of: Callable[[str], str], shown: int) -> Iterator[str]:
    """What does not agree, with names; the engine was told of all but the ones that are gone."""
    named: dict[str, list[str]] = {"differing": [], "gone": [], "left": [], "right": []}
    for one in check.named:
        kind = one.get("only") or ("gone" if "gone" in one else "differing")
        named[kind].append(_name(one, own, name_of))

    def listed(kind: str, count: int) -> dict[str, str]:
        names = named[kind]
        more = ["…"] if count > min(shown, len(names)) else []
        return {"count": f"{count:,}", "names": ", ".join([*names[:shown], *more])}

    if n := check.differing:
        yield ngettext(
            "%(count)s differs: %(names)s",
            "%(count)s differ: %(names)s",
            n,
            **listed("differing", n),
        )
    if n := check.gone:
        yield ngettext(
            "%(count)s has lost its twin: %(names)s",
            "%(count)s have lost their twin: %(names)s",
            n,
            **listed("gone", n),
        )
    if n := check.only_left:
        yield ngettext(
            "%(count)s is only on the left: %(names)s",
            "%(count)s are only on the left: %(names)s",
            n,
            **listed("left", n),
        )
    if n := check.only_right:
        yield ngettext(
            "%(count)s is only on the right: %(names)s",
            "%(count)s are only on the right: %(names)s",
            n,
            **listed("right", n),
        )
    if check.differing or check.only_left or check.only_right:
        yield _("Tandem was told to bring them in step")


def _aside(check: Check, name_of: Callable[[str], str]) -> Iterator[str]:
    if n := check.waiting:
        yield ngettext(
            "%(count)s waits to be carried", "%(count)s wait to be carried", n, count=f"{n:,}"
        )
    if n := check.parked:
        yield ngettext("%(count)s is parked", "%(count)s are parked", n, count=f"{n:,}")
    if n := check.still:
        yield ngettext(
            "%(count)s stands still outside the filter",
            "%(count)s stand still outside the filter",
            n,
            count=f"{n:,}",
        )
    if n := check.unlinked_left + check.unlinked_right:
        yield ngettext(
            "%(count)s older than the profile is not linked",
            "%(count)s older than the profile are not linked",
            n,
            count=f"{n:,}",
        )
    if check.unseen:
        kinds = _kinds()
        names = ", ".join(kinds.get(one) or name_of(one) for one in check.unseen)
        yield _("hidden from Tandem in some pairs and not compared: %(names)s", names=names)


def _name(one: dict[str, Any], own: Side, name_of: Callable[[str], str]) -> str:
    key = one.get(own.value) or one.get(own.other.value) or _("an issue")
    called = _kinds()
    kinds = dict.fromkeys(called[lack["kind"]] for lack in one.get("items", ()))
    names = ", ".join([*(name_of(name) for name in one["fields"]), *kinds])
    return f"{key} ({names})" if names else str(key)


def _at(when: datetime, now: datetime) -> str:
    when, now = when.astimezone(UTC), now.astimezone(UTC)
    return when.strftime("%H:%M" if when.date() == now.date() else "%Y-%m-%d %H:%M")
