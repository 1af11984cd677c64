"""What changelogs say of a field that changed: one line, or one for each value of a list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.model import ChangeItem, FieldDef, RichValue
from sandbox.render import zone
from sandbox.site import Site

# Jira writes these fields' names in small letters in changelogs.
PLAIN_NAMES = frozenset({
    "summary", "description", "labels", "priority", "duedate", "assignee", "reporter",
    "status", "resolution", "environment", "security", "timeoriginalestimate", "timeestimate",
    "timespent",
})  # fmt: skip
# Fields of which each value that comes or goes is a line of its own, and their names there.
SINGLY = {"components": "Component", "fixVersions": "Fix Version", "versions": "Version"}

Sides = tuple[str | None, str | RichValue | None]


def items_of(site: Site, field: FieldDef, before: Any, after: Any) -> list[ChangeItem]:
    """The lines of a change from one stored value to another."""
    if field.id in SINGLY:
        return _singly(site, field, before or [], after or [])
    before_id, before_text = _sides(site, field, before)
    after_id, after_text = _sides(site, field, after)
    name = field.id if field.id in PLAIN_NAMES else field.name
    return [
        ChangeItem(
            name, field.id, before_id, before_text, after_id, after_text, custom=field.custom
        )
    ]


def _singly(site: Site, field: FieldDef, before: list[str], after: list[str]) -> list[ChangeItem]:
    known = site.components if field.kind == "components" else site.versions
    name = SINGLY[field.id]
    items = []
    for one in before:
        if one not in after:
            items.append(ChangeItem(name, field.id, one, _name(known, one), None, None))
    for one in after:
        if one not in before:
            items.append(ChangeItem(name, field.id, None, None, one, _name(known, one)))
    return items


def _name(known: Any, one: Any) -> str | None:
    found = known.get(one)
    return str(found.name) if found else None


def _sides(site: Site, field: FieldDef, value: Any) -> Sides:
    """A value as id and as text, as changelogs write it."""
    if field.kind == "labels":
        return "" if not field.custom else None, " ".join(value or [])
    if value is None:
        return None, None
    if field.kind in NAMED:
        known = getattr(site, NAMED[field.kind])
        return str(value), _name(known, value)
    side = SIDES.get(field.kind)
    return side(site, field, value) if side else (None, str(value))


def _rich(site: Site, field: FieldDef, value: Any) -> Sides:
    return None, RichValue(value)


def _number(site: Site, field: FieldDef, value: Any) -> Sides:
    return None, repr(value).removesuffix(".0")


def _date(site: Site, field: FieldDef, value: Any) -> Sides:
    return value, f"{value} 00:00:00.0"


def _datetime(site: Site, field: FieldDef, value: Any) -> Sides:
    moment = datetime.fromtimestamp(value / 1000, UTC).astimezone(zone(site.time_zone))
    shown = f"{moment:%d/%b/%y} {moment:%I:%M %p}".replace(" 0", " ")
    return f"{moment:%Y-%m-%dT%H:%M:%S%z}", shown


def _seconds(site: Site, field: FieldDef, value: Any) -> Sides:
    return str(value), str(value)


def _option(site: Site, field: FieldDef, value: Any) -> Sides:
    option = site.option(field.id, value)
    return value, option.value if option else None


def _options(site: Site, field: FieldDef, value: Any) -> Sides:
    found = [site.option(field.id, one) for one in value]
    return f"[{', '.join(value)}]", ",".join(o.value for o in found if o)


def _cascade(site: Site, field: FieldDef, value: Any) -> Sides:
    parent, child = (site.option(field.id, one) if one else None for one in value)
    text = f"Parent values: {parent.value}({parent.id})" if parent else ""
    if child:
        text += f"Level 1 values: {child.value}({child.id})"
    return None, text


def _user(site: Site, field: FieldDef, value: Any) -> Sides:
    user = site.users.get(value)
    return value, user.display_name if user else None


def _users(site: Site, field: FieldDef, value: Any) -> Sides:
    names = [_user(site, field, one)[1] for one in value]
    return f"[{', '.join(value)}]", f"[{', '.join(str(name) for name in names)}]"


def _group(site: Site, field: FieldDef, value: Any) -> Sides:
    return None, _name(site.groups, value)


def _groups(site: Site, field: FieldDef, value: Any) -> Sides:
    return None, f"[{', '.join(_name(site.groups, one) or one for one in value)}]"


def _versions(site: Site, field: FieldDef, value: Any) -> Sides:
    names = [_name(site.versions, one) or one for one in value]
    return f"[{', '.join(value)}]", ",".join(names)


def _sprint(site: Site, field: FieldDef, value: Any) -> Sides:
    names = [_name(site.sprints, one) or str(one) for one in value]
    return ", ".join(str(one) for one in value), ", ".join(names)


def _request(site: Site, field: FieldDef, value: Any) -> Sides:
    found = site.request_types.get(value)
    return None, found.key if found else None


def _organizations(site: Site, field: FieldDef, value: Any) -> Sides:
    names = [_name(site.organizations, one) or one for one in value]
    return ", ".join(value), ", ".join(names)


def _parent(site: Site, field: FieldDef, value: Any) -> Sides:
    found = site.issues.get(value)
    return value, found.key if found else None


NAMED = {
    "priority": "priorities",
    "status": "statuses",
    "resolution": "resolutions",
    "version": "versions",
    "security": "security_levels",
}
SIDES = {
    "richtext": _rich,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "seconds": _seconds,
    "option": _option,
    "options": _options,
    "cascade": _cascade,
    "user": _user,
    "users": _users,
    "group": _group,
    "groups": _groups,
    "versions": _versions,
    "sprint": _sprint,
    "parent": _parent,
    "requesttype": _request,
    "organizations": _organizations,
}
