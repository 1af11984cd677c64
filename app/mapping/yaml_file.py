"""A profile as a YAML file, to keep, compare and take back. Pure: text in, text out.

The file is the mapping document with names beside the ids, for people: keys that end in `_name` or
`_key` are not read. The same profile with the same names gives the same bytes. Nothing but the
document, the profile's name, its pace of searches and the sites' hosts is ever in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from app.language import gettext as _
from app.mapping.document import VERSION, DocumentError, dump_profile, load_profile
from app.mapping.naming import SYSTEM_FIELDS, Names
from app.mapping.profile import Profile, Side
from app.mapping.yaml_nodes import Fault, FileProblem, Path, parse, plain

HEAD = """\
# A profile of Tandem: what is kept in step between two Jira projects, and how.
# Ids count. Keys that end in _name or _key are for people and are not read.
"""
SHORTEST, LONGEST = 60, 86_400  # seconds between two searches
_FORMAT = "tandem"
_READABLE = ("_name", "_key")
_ESCAPED = frozenset("\r\t\x85\u2028\u2029\ufeff")


@dataclass(frozen=True)
class Content:
    """What a file says of a profile. `sites`: the hosts that it is for; what it leaves out is
    None, and `filters` are the sides for which it says something of a filter."""

    profile: Profile
    name: str | None
    search_seconds: int | None
    sites: Mapping[Side, str]
    filters: frozenset[Side]


class _Row(dict[str, object]):
    """An object that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes lists further in than their key, and nothing by reference."""

    def ignore_aliases(self, data: object) -> bool:
        """Everything is written out."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Lists are indented."""
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, said: str) -> yaml.ScalarNode:
    # What we would read as something else is in quotes, whatever the library thinks of it.
    style = None if isinstance(plain(said), str) else "'"
    if _ESCAPED & set(said):
        style = '"'
    elif "\n" in said:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", said, style=style)


def _row(dumper: yaml.SafeDumper, said: _Row) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", said.items(), flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Row, _row)


def write(
    profile: Profile,
    name: str,
    search_seconds: int,
    names: Names,
    *,
    hidden: frozenset[Side] = frozenset(),
) -> str:
    """The file of a profile. `hidden`: the sides whose filter is not for the reader's eyes."""
    document = dump_profile(profile)
    told: dict[str, object] = {
        _FORMAT: document.pop("version"),
        "profile": name,
        "search_seconds": search_seconds,
    }
    for side in Side:
        scope = document.pop(side.value)
        assert isinstance(scope, dict)  # noqa: S101  as dump_profile made it
        if side in hidden:
            scope.pop("filter", None)
        told[side.value] = _scope(scope, side, names)
    for key, value in document.items():
        told[key] = value
    fields = document["fields"]
    assert isinstance(fields, list)  # noqa: S101  the same
    told["fields"] = [_field(one, names) for one in fields]
    if isinstance(users := document.get("users"), dict):
        told["users"] = {**users, "rows": [_Row(row) for row in users["rows"]]}
    return HEAD + yaml.dump(
        told,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1_000_000,
    )


def _scope(scope: dict[str, object], side: Side, names: Names) -> dict[str, object]:
    found: dict[str, object] = {}
    if side in names.sites:
        found["site"] = names.sites[side]
    found["project"] = scope.pop("project")
    if side in names.projects:
        found["project_key"], found["project_name"] = names.projects[side]
    found["issue_type"] = scope.pop("issue_type")
    if side in names.types:
        found["issue_type_name"] = names.types[side]
    return found | scope


def _field(mapping: dict[str, Any], names: Names) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in mapping.items():
        found[key] = value
        if key in {side.value for side in Side}:
            # Not in the reader's language: the file is the same for everybody.
            name = names.fields.get((Side(key), value)) or SYSTEM_FIELDS.get(value)
            if name:
                found[f"{key}_name"] = name
    if "values" in mapping:
        rows = [_value_row(row, mapping, names) for row in mapping["values"]["rows"]]
        found["values"] = {**mapping["values"], "rows": rows}
    return found


def _value_row(row: dict[str, str], mapping: dict[str, Any], names: Names) -> _Row:
    found = _Row()
    for side in Side:
        found[side.value] = row[side.value]
        known = names.values.get((side, mapping[side.value]), {}).get(row[side.value])
        if known:
            found[f"{side.value}_name"] = known
    return found


def read(text: str) -> Content:
    """What a file says. Raises FileProblem with all that is wrong, each with its line."""
    found, lines = parse(text)
    if not isinstance(found, dict):
        sentence = _(
            "must hold an object with tandem, left, right and fields. Begin with an export."
        )
        raise FileProblem(Fault(1, "", sentence))
    faults: list[Fault] = []
    take = _Taker(found, lines, faults)
    name = take.optional(
        "profile", _is_name, _("must be the profile's name, 1 to 200 characters, or left out")
    )
    rule = _(
        "must be %(least)s to %(most)s seconds, a whole number, or left out",
        least=SHORTEST,
        most=f"{LONGEST:,}",
    )
    seconds = take.optional("search_seconds", _is_pace, rule)
    sites: dict[Side, str] = {}
    for side in Side:
        scope = found.get(side.value)
        if isinstance(scope, dict):
            rule = _("must be the site's host, such as acme.atlassian.net, or left out")
            site = _Taker(scope, lines, faults, (side.value,)).optional("site", _is_host, rule)
            if site is not None:
                sites[side] = site
    filters = frozenset(side for side in Side if "filter" in (found.get(side.value) or ()))
    document = _without_names(found)
    document["version"] = document.pop(_FORMAT, None)
    try:
        profile = load_profile(document)
    except DocumentError as error:
        faults += [_located(one.where, one.sentence, lines) for one in error.problems]
    if faults:
        raise FileProblem(*sorted(faults, key=lambda one: one.line or 0))
    return Content(profile, name, seconds, sites, filters)


@dataclass
class _Taker:
    """Takes out of an object of the file what is not of the mapping document."""

    found: dict[str, Any]
    lines: Mapping[Path, int]
    faults: list[Fault]
    path: Path = ()

    def optional(self, key: str, fits: Callable[[Any], bool], rule: str) -> Any:
        """The value of a key, None where it is left out or wrong; then `rule` is told."""
        if key not in self.found:
            return None
        value = self.found.pop(key)
        if fits(value):
            return value
        path = (*self.path, key)
        where = ".".join(map(str, path))
        self.faults.append(Fault(self.lines.get(path), where, rule))
        return None


def _is_name(said: object) -> bool:
    return isinstance(said, str) and 0 < len(said.strip()) <= 200 and said.isprintable()


def _is_pace(said: object) -> bool:
    whole = isinstance(said, int) and not isinstance(said, bool)
    return whole and SHORTEST <= int(str(said)) <= LONGEST


def _is_host(said: object) -> bool:
    return isinstance(said, str) and 0 < len(said) <= 260 and said.isprintable()


def _without_names(found: dict[str, Any]) -> dict[str, Any]:
    """The document without what stands in the file for people."""
    document = dict(found)
    for side in Side:
        document[side.value] = _bare(document.get(side.value))
        if document[side.value] is None:
            document.pop(side.value)
    if isinstance(document.get("fields"), list):
        document["fields"] = [_bare_field(one) for one in document["fields"]]
    return document


def _bare(found: Any) -> Any:
    if not isinstance(found, dict):
        return found
    return {key: value for key, value in found.items() if not key.endswith(_READABLE)}


def _bare_field(found: Any) -> Any:
    bare = _bare(found)
    values = bare.get("values") if isinstance(bare, dict) else None
    if isinstance(values, dict) and isinstance(values.get("rows"), list):
        bare["values"] = {**values, "rows": [_bare(row) for row in values["rows"]]}
    return bare


def _located(where: str, sentence: str, lines: Mapping[Path, int]) -> Fault:
    """What is wrong in the document, with the line of the innermost thing that has one."""
    path: Path = ()
    for part in where.split("."):
        for one in (part, int(part)) if part.isdecimal() else (part,):
            if (*path, one) in lines:
                path = (*path, one)
                break
        else:
            break
    if where == "version":
        where = _FORMAT
        path = (_FORMAT,)
    return Fault(lines.get(path, 1), where, sentence)


assert VERSION == 1  # noqa: S101  another version of the document needs another reader here
