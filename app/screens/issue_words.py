"""What the issue panel says of a pair, its fields and its items, in the reader's language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from app.activity.log import Entry
from app.language import gettext as _
from app.language import ngettext, noop, tell
from app.mapping.naming import field_name as usual_name
from app.mapping.profile import Flow, ItemKind, Profile, Side
from app.mapping.said import Said, side_names
from app.screens.waits import say_change
from app.screens.words import ago, headed
from app.sync.issue_pairs import IssuePair, Step
from app.sync.provenance import How
from app.sync.standing import Standing
from app.sync.why import FieldWhy, LastWrite
from app.sync.why_items import ItemWhy

SIDES = re.compile(r"\b[Tt]he (left|right)(?: side| site| one)?\b|\b(?<=from |. to )(left|right)\b")

STEPS: Mapping[Step, str] = {
    Step.ENDED: noop("No twin any more"),
    Step.GONE: noop("Twin deleted"),
    Step.PROPOSED: noop("Not approved yet"),
    Step.PAUSED: noop("Paused"),
    Step.STOPPED: noop("Waiting"),
    Step.OUTSIDE: noop("Outside the filter"),
    Step.WAITING: noop("Waiting"),
    Step.PENDING: noop("On its way"),
    Step.CONFLICT: noop("To decide"),
    Step.PARKED: noop("Parked"),
    Step.NOT_YET: noop("Not yet in step"),
    Step.IN_STEP: noop("In step"),
}

# By how it was written, and whether on the issue of the panel or on its twin.
WRITES: Mapping[tuple[How, bool], str] = {
    (How.CHANGE, True): noop("Written here from %(twin)s"),
    (How.CHANGE, False): noop("Written to %(twin)s from here"),
    (How.LOAD, True): noop("Written here from %(twin)s by a load"),
    (How.LOAD, False): noop("Written to %(twin)s from here by a load"),
    (How.APPLY, True): noop("Written here from %(twin)s by an apply"),
    (How.APPLY, False): noop("Written to %(twin)s from here by an apply"),
    (How.CONFLICT, True): noop("Written here from %(twin)s, which won a conflict"),
    (How.CONFLICT, False): noop("Written to %(twin)s from here, which won a conflict"),
    (How.PUT_BACK, True): noop("An edit made here was put back, after a write had replaced it"),
    (How.PUT_BACK, False): noop(
        "An edit made in %(twin)s was put back there, after a write had replaced it"
    ),
    (How.UNDO, True): noop("An earlier value was put back here by an undo"),
    (How.UNDO, False): noop("An earlier value was put back in %(twin)s by an undo"),
}
MADE: Mapping[bool, str] = {
    True: noop("This issue was made with it, from %(twin)s"),
    False: noop("%(twin)s was made with it, from here"),
}


def say_step(pair: IssuePair, site: str) -> str | None:
    """A sentence for how a pair stands, where its lozenge does not say all; `site`: the partner's
    name."""
    if pair.step is Step.CONFLICT:
        return ngettext(
            "Both sides changed a field, and somebody has to choose.",
            "Both sides changed %(num)s fields, and somebody has to choose.",
            pair.questions,
        )
    return {
        Step.ENDED: say_end(pair.ended),
        Step.GONE: _("The twin was deleted. This issue stays as it is, as the profile says."),
        Step.PROPOSED: _("The profile waits until both sites have approved it."),
        Step.PAUSED: _("The profile is paused. What changes meanwhile crosses on its resumption."),
        Step.STOPPED: pair.reason,
        Step.OUTSIDE: say_outside(pair, site),
        Step.WAITING: say_change(pair.waits_for),
        Step.NOT_YET: _("There is no twin yet, or the two were not compared yet."),
    }.get(pair.step)


def say_end(why: str | None) -> str:
    """Why two issues are a pair no more."""
    if why == "deleted":
        return _("An issue of the pair was deleted. This one gets no other twin by itself.")
    if why == "moved":
        return _("An issue of the pair was moved away. This one gets no other twin by itself.")
    return _("An issue of the pair was archived. This one gets no other twin by itself.")


def say_outside(pair: IssuePair, site: str) -> str:
    """Which issue of a pair the filter leaves out."""
    if pair.outside == pair.side.value:
        return _("This issue is outside the profile's filter: nothing crosses.")
    if pair.outside == pair.side.other.value:
        return _("The twin is outside the filter of %(site)s: nothing crosses.", site=site)
    return _("Both issues are outside the profile's filter: nothing crosses.")


def field_name(field: str, names: Mapping[str, str]) -> str:
    """A field of the own site as people say it; `names` are those that are known of the site."""
    return names.get(field) or usual_name(field)


def say_flow(key: str, profile: Profile, side: Side, twin: str) -> str | None:
    """Which way alone a field is carried, seen from `side`."""
    flow = next((m.flow for m in profile.fields if m.key == key), Flow.BOTH)
    if flow is Flow.BOTH:
        return None
    leaves = (flow is Flow.TO_RIGHT) is (side is Side.LEFT)
    return _("Only to %(twin)s", twin=twin) if leaves else _("Only from %(twin)s", twin=twin)


def say_sides(sentence: str, names: Mapping[Side, str]) -> str:
    """A sentence of a visit, with the issues by their keys where it speaks of sides."""
    if isinstance(sentence, Said):
        told = tell(sentence, side_names(names))
    else:  # kept as a text, by an earlier release
        told = SIDES.sub(lambda found: names[Side(found[1] or found[2])], sentence)
    return told[:1].upper() + told[1:]


def say_write(write: LastWrite | None, side: Side, twin: str) -> str:
    """Which side wrote a field last, and how."""
    if write is None:
        return _("Never written by Tandem")
    here = write.side is side
    text = MADE[here] if write.made else WRITES[write.how, here]
    return _(text, twin=twin)


def say_when(write: LastWrite | None) -> str | None:
    """When, and by which mapping."""
    if write is None:
        return None
    when, number = ago(write.at), write.revision
    if write.present:
        return _("%(ago)s, by revision %(revision)s, the present one", ago=when, revision=number)
    return _("%(ago)s, by revision %(revision)s, an earlier one", ago=when, revision=number)


def left_alone(field: FieldWhy, entries: list[Entry]) -> tuple[str, str] | None:
    """Why a field was left alone last and when, by the newest visit that told it; unless it was
    written since, or something else keeps it now."""
    for entry in [] if field.now else entries:
        for detail in entry.details:
            if detail.field == field.key and detail.side is None:
                written = field.last is not None and field.last.at >= entry.at
                return None if written else (detail.sentence, ago(entry.at))
    return None


KINDS: Mapping[str, str] = {
    ItemKind.COMMENTS: noop("Comments"),
    ItemKind.ATTACHMENTS: noop("Files"),
    ItemKind.WORKLOGS: noop("Work logged"),
    ItemKind.LINKS: noop("Links"),
    ItemKind.REMOTE_LINK: noop("Link to the twin"),
}


def say_items(items: tuple[ItemWhy, ...]) -> Iterator[tuple[str, int, list[Standing]]]:
    """The kinds of items of a pair: how many of each have a twin, and what keeps others."""
    counts = Counter(one.kind for one in items if one.left and one.right)
    for kind in dict.fromkeys(one.kind for one in items):
        now = [standing for one in items if one.kind == kind for standing in one.now]
        yield _(KINDS.get(kind, kind)), counts[kind], now


def say_reason(one: Standing, issues: Mapping[Side, str]) -> dict[str, str | None]:
    """What keeps a thing out of step, for the panel. `issues`: the keys of the pair."""
    return {
        "state": one.state.value,
        "sentence": tell(one.sentence),
        "cure": tell(one.cure),
        "said": headed(tell(one.said, side_names(issues))),
        "question": None if one.question is None else str(one.question),
        "since": ago(one.since),
    }
