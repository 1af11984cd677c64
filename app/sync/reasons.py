"""Why a change is set aside: a closed list of codes, each with a sentence and what to do. Pure.

A site's own words may hold values of issues: they choose the code, and are kept only sealed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.jira.site import SiteError
from app.language import gettext as _
from app.language import noop
from app.mapping.profile import Profile, Side
from app.said import Said


class Code(StrEnum):
    """What a site refused, as far as its answer tells it apart."""

    FIELD_REQUIRED = "field-required"
    FIELD_NOT_ON_SCREEN = "field-not-on-screen"
    VALUE_UNKNOWN = "value-unknown"
    VALUE_UNPAIRED = "value-unpaired"
    VALUE_TOO_LONG = "value-too-long"
    VALUE_MALFORMED = "value-malformed"
    TEXT_REFUSED = "text-refused"
    TRANSFORM_FAILED = "transform-failed"
    PARENT_WAITS = "parent-waits"
    PARENT_UNPAIRED = "parent-unpaired"
    FIELD_REFUSED = "field-refused"
    ISSUE_FORBIDDEN = "issue-forbidden"
    ISSUE_GONE = "issue-gone"
    ISSUE_TOO_LARGE = "issue-too-large"
    WORKFLOW = "workflow"
    MOVE_NO_WAY = "move-no-way"
    MOVE_UNKNOWN = "move-unknown"
    MOVE_FIELDS = "move-fields"
    MOVE_REFUSED = "move-refused"
    ISSUE_REFUSED = "issue-refused"
    CREATE_FORBIDDEN = "create-forbidden"
    SCOPE_REFUSED = "scope-refused"
    CREATE_REFUSED = "create-refused"


@dataclass(frozen=True)
class Saying:
    """A code for people, with `%(site)s` and `%(field)s` to be filled in. `passes`: the cause is at
    the site and may go away without an edit of the issue, so that it is asked again now and then.
    """

    sentence: str
    cure: str
    passes: bool = True


SAYINGS: Mapping[Code, Saying] = {
    Code.FIELD_REQUIRED: Saying(
        noop("%(site)s wants a value for %(field)s, and there is none."),
        noop("Fill %(field)s in on the other side, map it, or make it optional at %(site)s."),
    ),
    Code.FIELD_NOT_ON_SCREEN: Saying(
        noop(
            "%(site)s does not let %(field)s be set: it is not on the screen, or not in the "
            "project."
        ),
        noop(
            "An admin of %(site)s puts %(field)s on the create and edit screens of the issue "
            "type, or the field is taken out of the profile."
        ),
    ),
    Code.VALUE_UNKNOWN: Saying(
        noop("%(site)s does not know the value of %(field)s."),
        noop("An admin of %(site)s adds the value, or somebody chooses one that both sites have."),
    ),
    Code.VALUE_UNPAIRED: Saying(
        noop(
            "%(field)s holds a value that has no counterpart at %(site)s, and the mapping says "
            "to stop at that."
        ),
        noop(
            "Add a row for the value to the mapping, let an admin of %(site)s add the value, "
            "or choose another one."
        ),
    ),
    Code.VALUE_TOO_LONG: Saying(
        noop("The value of %(field)s is longer than %(site)s takes."),
        noop("Somebody shortens it; it crosses with that edit."),
        passes=False,
    ),
    Code.VALUE_MALFORMED: Saying(
        noop("%(site)s cannot read the value of %(field)s as it was sent."),
        noop(
            "Compare the field's type on both sides with the profile, or write the value in "
            "another way; it crosses with that edit."
        ),
        passes=False,
    ),
    Code.TEXT_REFUSED: Saying(
        noop("%(site)s does not take the formatting of %(field)s."),
        noop("Write the text with plainer formatting; it crosses with that edit."),
        passes=False,
    ),
    Code.TRANSFORM_FAILED: Saying(
        noop("The transform of the mapping comes to no value for %(field)s at %(site)s."),
        noop(
            "Read why; correct the expression, which the editor tries, or the value on the "
            "other side."
        ),
        passes=False,
    ),
    Code.PARENT_WAITS: Saying(
        noop("The parent has no counterpart at %(site)s yet, though a profile carries it."),
        noop(
            "See why the parent waits or is parked, or whether it is outside that profile's "
            "filter; this one follows as soon as the parent is there."
        ),
    ),
    Code.PARENT_UNPAIRED: Saying(
        noop(
            "The parent of the sub-task has no counterpart at %(site)s, where a sub-task "
            "cannot be without one, and no profile carries it."
        ),
        noop(
            "Make a profile for the parent's project and type between the same sites, or a row "
            "for the two parents in the mapping."
        ),
    ),
    Code.FIELD_REFUSED: Saying(
        noop("%(site)s refuses the value of %(field)s for a reason of its own."),
        noop("Read the site's words; mend the value, or the rule at %(site)s."),
    ),
    Code.ISSUE_FORBIDDEN: Saying(
        noop("%(site)s does not let Tandem edit the issue."),
        noop(
            "An admin of %(site)s gives the app's user the permission to edit it: the "
            "project's permissions, or the issue's security level."
        ),
    ),
    Code.ISSUE_GONE: Saying(
        noop("%(site)s says that the issue is gone, or hides it from Tandem."),
        noop(
            "If it was deleted, nothing is to be done. If it is hidden, an admin of %(site)s "
            "lets the app's user see it."
        ),
    ),
    Code.ISSUE_TOO_LARGE: Saying(
        noop("The issue is larger than %(site)s takes."),
        noop("Somebody shortens its texts; it crosses with that edit."),
        passes=False,
    ),
    Code.WORKFLOW: Saying(
        noop("The workflow of %(site)s does not let the issue be edited in its status."),
        noop(
            "Move the issue on at %(site)s, or an admin there lets the app's user edit in this "
            "status."
        ),
    ),
    Code.MOVE_NO_WAY: Saying(
        noop(
            "No way leads through the workflow of %(site)s to the status that the issue should "
            "have, or none that Tandem may take."
        ),
        noop(
            "An admin of %(site)s adds a transition or opens one to the app's user, or the "
            "mapping gives the status another counterpart; or somebody moves the issue by hand."
        ),
    ),
    Code.MOVE_UNKNOWN: Saying(
        noop(
            "Tandem knows no way through the workflow of %(site)s to the status that the issue "
            "should have: of a status in between it could not see what it leads on to."
        ),
        noop(
            "Move one issue of that project and type there and on by hand: Tandem learns the "
            "way from it."
        ),
    ),
    Code.MOVE_FIELDS: Saying(
        noop("The way through the workflow of %(site)s wants fields filled in that nothing feeds."),
        noop(
            "Map the fields that the site's words name, give them a constant in the mapping, "
            "or let an admin of %(site)s make them optional on the screen of the transition."
        ),
    ),
    Code.MOVE_REFUSED: Saying(
        noop("The workflow of %(site)s refuses the transition: a validator or a rule of its own."),
        noop("Read the site's words; mend the issue, or the rule at %(site)s."),
    ),
    Code.ISSUE_REFUSED: Saying(
        noop("%(site)s refuses the change of the issue for a reason of its own."),
        noop("Read the site's words; mend the issue, or the rule at %(site)s."),
    ),
    Code.CREATE_FORBIDDEN: Saying(
        noop("%(site)s does not let Tandem create issues in the project."),
        noop("An admin of %(site)s gives the app's user the permission to create issues there."),
    ),
    Code.SCOPE_REFUSED: Saying(
        noop("%(site)s does not know the profile's project or issue type any more, or hides it."),
        noop(
            "An admin of %(site)s brings it back or lets the app's user see it, or the profile "
            "is made anew for another."
        ),
    ),
    Code.CREATE_REFUSED: Saying(
        noop("%(site)s refuses to create the issue for a reason of its own."),
        noop("Read the site's words; mend the issue, or the rule at %(site)s."),
    ),
}

# Jira has no codes of its own: these are its English words, which an app's user gets as long as
# nobody gives it another language. Others fall back on the code that says the least.
_SHAPES: Sequence[tuple[re.Pattern[str], Code]] = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"not on the appropriate screen|cannot be set", Code.FIELD_NOT_ON_SCREEN),
        (r"is required|you must specify|must not be empty|can't be empty", Code.FIELD_REQUIRED),
        (r"exceed|too long|maximum length", Code.VALUE_TOO_LONG),
        (
            r"operation value must be|data was not an|error parsing|contains spaces|newline",
            Code.VALUE_MALFORMED,
        ),
        (
            r"is not valid|is invalid|does not exist|could not find|not a user|cannot be assigned",
            Code.VALUE_UNKNOWN,
        ),
    )
)
_SYSTEM_FIELDS = frozenset({
    "summary", "description", "environment", "labels", "priority", "duedate", "assignee",
    "reporter", "parent", "status", "resolution", "components", "fixVersions", "versions",
    "security", "timetracking", "project", "issuetype",
})  # fmt: skip
_CUSTOM_FIELD = re.compile(r"customfield_[0-9]{1,10}")
NO_FORMAT = "INVALID_INPUT"
"""All that Jira says of a rich text that breaks its schema: neither the field nor why."""


@dataclass(frozen=True)
class Cause:
    """One root cause of a change that is set aside.

    `side`: whose site refused. `field`, `key`: the field's id there and its mapping, empty where
    it is about the issue. `mark`: the fingerprint of the value that was refused, empty where the
    whole issue waits. `said`: the site's own words.
    """

    side: Side
    code: Code
    field: str = ""
    key: str = ""
    mark: str = ""
    said: str = dataclasses.field(default="", compare=False)

    @property
    def group(self) -> tuple[Side, Code, str]:
        """What changes with the same root cause have in common."""
        return self.side, self.code, self.field


def field_code(words: str) -> Code:
    """The code for what a site says of one field."""
    if NO_FORMAT in words:
        return Code.TEXT_REFUSED
    found = (code for shape, code in _SHAPES if shape.search(words))
    return next(found, Code.FIELD_REFUSED)


def whole_causes(
    error: SiteError, side: Side, profile: Profile, *, creating: bool
) -> tuple[Cause, ...]:
    """Why a whole issue was refused by the site of `side`: a cause for each field that the answer
    names, or one for the issue."""
    keys = {m.field(side): m.key for m in profile.fields}
    causes = {
        Cause(side, _named_code(name, words), name, keys.get(name, ""), said=error.detail)
        for name, words in error.field_errors.items()
        if name in keys or name in _SYSTEM_FIELDS or _CUSTOM_FIELD.fullmatch(name)
    }
    if error.site_status == 400 and causes:
        return tuple(sorted(causes, key=lambda one: (one.code, one.field)))
    return (Cause(side, _issue_code(error, creating=creating), said=error.detail),)


def _named_code(name: str, words: str) -> Code:
    return Code.SCOPE_REFUSED if name in {"project", "issuetype"} else field_code(words)


def _issue_code(error: SiteError, *, creating: bool) -> Code:
    by_status = {
        403: Code.CREATE_FORBIDDEN if creating else Code.ISSUE_FORBIDDEN,
        404: Code.SCOPE_REFUSED if creating else Code.ISSUE_GONE,
        410: Code.ISSUE_GONE,
        413: Code.ISSUE_TOO_LARGE,
    }
    words = error.detail.casefold()
    if error.site_status in by_status:
        return by_status[error.site_status]
    if "permission" in words:
        return by_status[403]
    if "workflow" in words or "not editable" in words:
        return Code.WORKFLOW
    return Code.CREATE_REFUSED if creating else Code.ISSUE_REFUSED


def say(code: Code, *, site: str, field: str) -> tuple[str, str]:
    """The sentence and the cure."""
    found = SAYINGS[code]
    words = {"site": site, "field": field or _("a field")}
    return _(found.sentence, **words), _(found.cure, **words)


def saying(code: Code, *, site: str, field: str) -> Said:
    """The sentence for a place where no reader is known."""
    words = {"site": site, "field": field or Said("a field")}
    return Said(SAYINGS[code].sentence, values=words)


def markdown() -> str:
    """The list as docs/parked.md prints it."""
    lines = ["| code | means | what to do | asked again by itself |", "|---|---|---|---|"]
    for code, saying in SAYINGS.items():
        sentence, cure = say(code, site="the site", field="the field")
        again = "yes" if saying.passes else "no"
        lines.append(f"| `{code}` | {_capital(sentence)} | {_capital(cure)} | {again} |")
    return "\n".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
