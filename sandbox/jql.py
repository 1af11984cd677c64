"""A parser and evaluator for the usual part of JQL.

Reference: https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.model import FieldDef, Issue, JsonDict
from sandbox.render import zone
from sandbox.richtext import plain_text
from sandbox.site import Site

Predicate = Callable[[Issue], bool]

TOKEN = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<op>!=|!~|<=|>=|=|~|<|>|\(|\)|,)
    | (?P<word>[^\s"'=!~<>(),]+)
    )""",
    re.VERBOSE,
)
WORDS = frozenset({"and", "or", "not", "in", "is", "empty", "null", "order", "by", "asc", "desc"})
UNITS = {"m": 1, "h": 60, "d": 1440, "w": 10_080}
TIME_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
OPERATORS = "'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'"
BARE = re.compile(r"[\w.@:/-]+")


class JqlError(Exception):
    """A query that Jira would refuse, in its words."""


@dataclass(frozen=True)
class Token:
    """A piece of the query; quoted pieces are never keywords. `place`: as Jira's errors say it."""

    text: str
    kind: str
    place: str = dataclasses.field(default="", compare=False)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of the given keywords."""
        return self.kind == "word" and self.text.lower() in words


@dataclass(frozen=True)
class Clause:
    """A part of a query: what matches, and how Jira's own parser describes it."""

    test: Predicate
    tree: JsonDict


@dataclass(frozen=True)
class Query:
    """A compiled query: what matches, how to sort, whether it restricts anything, its tree."""

    matches: Predicate
    order: tuple[tuple[str, bool], ...]
    bounded: bool
    structure: JsonDict


def tokenize(text: str) -> list[Token]:
    """Cut the query into tokens. Raises JqlError."""
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.end() == at:
            rest = text[at:].lstrip()
            wrong, place = rest[0], _place(text, len(text) - len(rest))
            if wrong in "\"'":
                raise JqlError(f"Error in the JQL Query: The quoted string '{rest[1:]}' has not "
                               f"been completed. {place}")  # fmt: skip
            raise JqlError(f"Error in the JQL Query: The character '{wrong}' is a reserved JQL "
                           "character. You must enclose it in a string or use the escape "
                           f"'\\u{ord(wrong):04x}' instead. {place}")  # fmt: skip
        kind = match.lastgroup or "word"
        piece = match.group(kind)
        if kind == "quoted":
            piece = re.sub(r"\\(.)", r"\1", piece[1:-1])
        tokens.append(Token(piece, kind, _place(text, match.start(kind))))
        at = match.end()
    return tokens


def _place(text: str, at: int) -> str:
    """Line and character of a position, as Jira's errors end with it."""
    before = text[:at]
    return f"(line {before.count(chr(10)) + 1}, character {at - (before.rfind(chr(10)) + 1) + 1})"


class Compiler:
    """Turns one query into a predicate for one asker."""

    def __init__(self, site: Site, text: str, *, account_id: str, time_zone: str) -> None:
        """`time_zone` is the asking user's: quoted times are read in it."""
        self.site = site
        self.tokens = tokenize(text)
        self.at = 0
        self.account_id = account_id
        self.time_zone = time_zone

    def compile(self) -> Query:
        """Compile the whole query. Raises JqlError."""
        bounded = bool(self.tokens) and not self._peek("order")
        structure: JsonDict = {}
        matches: Predicate = lambda issue: True  # noqa: E731
        if bounded:
            where = self._or()
            matches, structure["where"] = where.test, where.tree
        order = self._order()
        if order:
            keys = [
                {"field": _named(name), "direction": "desc" if down else "asc"}
                for name, down in order
            ]
            structure["orderBy"] = {"fields": keys}
        if self.at < len(self.tokens):
            wrong = self.tokens[self.at]
            raise JqlError(f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got "
                           f"'{wrong.text}'. {wrong.place}")  # fmt: skip
        return Query(matches, order, bounded, structure)

    # --- grammar -------------------------------------------------------------------------

    def _peek(self, *words: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].is_word(*words)

    def _peek_op(self, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] == Token(text, "op")

    def _next(self, wanted: str) -> Token:
        if self.at >= len(self.tokens):
            raise JqlError(f"Error in the JQL Query: Expecting {wanted} before the end of the "
                           "query.")  # fmt: skip
        self.at += 1
        return self.tokens[self.at - 1]

    def _or(self) -> Clause:
        parts = [self._and()]
        while self._peek("or"):
            self.at += 1
            parts.append(self._and())
        if len(parts) == 1:
            return parts[0]
        return Clause(lambda issue: any(p.test(issue) for p in parts), _compound("or", parts))

    def _and(self) -> Clause:
        parts = [self._not()]
        while self._peek("and"):
            self.at += 1
            parts.append(self._not())
        if len(parts) == 1:
            return parts[0]
        return Clause(lambda issue: all(p.test(issue) for p in parts), _compound("and", parts))

    def _not(self) -> Clause:
        if self._peek("not"):
            self.at += 1
            inner = self._not()
            return Clause(lambda issue: not inner.test(issue), _compound("not", [inner]))
        if self._peek_op("("):
            self.at += 1
            inner = self._or()
            if not self._peek_op(")"):
                got = self._next("')'")
                raise JqlError(f"Error in the JQL Query: Expecting ')' but got '{got.text}'. "
                               f"{got.place}")  # fmt: skip
            self.at += 1
            return inner
        return self._clause()

    def _clause(self) -> Clause:
        name = self._next("a field name")
        if name.kind == "op":
            raise JqlError(f"Error in the JQL Query: Expecting a field name but got '{name.text}'. "
                           f"{name.place}")  # fmt: skip
        if name.is_word(*WORDS):
            raise JqlError(f"Error in the JQL Query: '{name.text}' is a reserved JQL word. You "
                           f"must enclose it in a string. {name.place}")  # fmt: skip
        operator = self._next("operator")
        negated = False
        if operator.is_word("not"):
            negated, operator = True, self._next("'in'")
        if operator.is_word("is") and not negated:
            return self._is_empty(name)
        if operator.is_word("in"):
            if not self._peek_op("("):
                wrong = self._next("a list of values")
                raise JqlError(f"Operator 'in' does not support the non-list value '\"{wrong.text}"
                               f"\"' for field '{name.text}'.")  # fmt: skip
            values, operand = self._values()
            test = self._compare(name.text, "not in" if negated else "in", values)
            return Clause(test, _asserts(name, "not in" if negated else "in", operand))
        if operator.kind != "op" or operator.text in "(),":
            raise JqlError(f"Error in the JQL Query: Expecting operator but got '{operator.text}'. "
                           f"The valid operators are {OPERATORS}. {operator.place}")  # fmt: skip
        if self._peek("empty", "null"):
            self.at += 1
            reader, wanted = self._reader(name.text), operator.text == "="
            return Clause(
                lambda issue: (not reader(issue)) == wanted,
                _asserts(name, operator.text, {"keyword": "empty"}),
            )
        value, operand = self._value()
        test = self._compare(name.text, operator.text, [value])
        return Clause(test, _asserts(name, operator.text, operand))

    def _is_empty(self, name: Token) -> Clause:
        negated = self._peek("not")
        self.at += negated
        if not self._peek("empty", "null"):
            got = self._next("'EMPTY' or 'NULL'")
            raise JqlError(f"Error in the JQL Query: Expecting 'EMPTY' or 'NULL' but got "
                           f"'{got.text}'. {got.place}")  # fmt: skip
        self.at += 1
        reader = self._reader(name.text)
        tree = _asserts(name, "is not" if negated else "is", {"keyword": "empty"})
        return Clause(lambda issue: (not reader(issue)) != negated, tree)

    def _value(self) -> tuple[str, JsonDict]:
        token = self._next("a value")
        if token.kind == "op":
            raise JqlError("Error in the JQL Query: Expecting either a value, list or function but "
                           f"got '{token.text}'. You must surround '{token.text}' in quotation "
                           f"marks to use it as a value. {token.place}")  # fmt: skip
        if self._peek_op("(") and token.kind == "word":
            self.at += 1
            if not self._peek_op(")"):
                raise JqlError(f"Function '{token.text}' with arguments is not supported here.")
            self.at += 1
            tree = {"function": token.text, "arguments": [], "encodedOperand": f"{token.text}()"}
            return self._function(token.text), tree
        if token.is_word(*WORDS):
            raise JqlError(f"Error in the JQL Query: '{token.text}' is a reserved JQL word. You "
                           f"must enclose it in a string. {token.place}")  # fmt: skip
        return token.text, {"value": token.text, "encodedValue": _encoded(token.text)}

    def _function(self, name: str) -> str:
        if name.lower() == "currentuser":
            return self.account_id
        if name.lower() == "now":
            return str(self.site.now_ms())
        if name.lower() == "startofday":
            here = datetime.fromtimestamp(self.site.now_ms() / 1000, zone(self.time_zone))
            start = here.replace(hour=0, minute=0, second=0, microsecond=0)
            return str(int(start.timestamp() * 1000))
        raise JqlError(f"Unable to find JQL function '{name}()'.")

    def _values(self) -> tuple[list[str], JsonDict]:
        self.at += 1  # the parenthesis
        found = [self._value()]
        while self._peek_op(","):
            self.at += 1
            found.append(self._value())
        if not self._peek_op(")"):
            got = self._next("')'")
            raise JqlError(f"Error in the JQL Query: Expecting ')' but got '{got.text}'. "
                           f"{got.place}")  # fmt: skip
        self.at += 1
        return [value for value, _ in found], {"values": [tree for _, tree in found]}

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not self._peek("order"):
            return ()
        self.at += 1
        by = self._next("'by'")
        if not by.is_word("by"):
            raise JqlError(f"Error in the JQL Query: Expecting 'by' but got '{by.text}'. "
                           f"{by.place}")  # fmt: skip
        keys = []
        while True:
            name = self._next("a field name").text
            self._reader(name)
            down = self._peek("desc")
            if self._peek("asc", "desc"):
                self.at += 1
            keys.append((name, down))
            if not self._peek_op(","):
                return tuple(keys)
            self.at += 1

    # --- meaning -------------------------------------------------------------------------

    def _compare(self, name: str, operator: str, values: list[str]) -> Predicate:
        lower = name.lower()
        if lower.startswith("issue.property["):
            return self._property(name, operator, values)
        if lower in ("text", "summary", "description", "comment") or operator in ("~", "!~"):
            return self._contains(name, operator, values)
        if operator in ("<", "<=", ">", ">="):
            return self._ordered(name, operator, values[0])
        reader, wanted = self._reader(name), self._wanted(name, values)
        if operator in ("!=", "not in"):
            # As in Jira, what is empty is not different from anything.
            return lambda issue: bool(found := _many(reader(issue))) and wanted.isdisjoint(found)
        return lambda issue: not wanted.isdisjoint(_many(reader(issue)))

    def _wanted(self, name: str, values: list[str]) -> set[Any]:
        if self._is_time(name.lower()):
            return {self._moment(name, v) for v in values}
        if name.lower() in ("duedate", "due") or self._kind(name) == "date":
            return {self._day(name, v) for v in values}
        return self._ids(name.lower(), values)

    def _kind(self, name: str) -> str:
        try:
            return self._field(name).kind
        except JqlError:
            return ""  # one of the few that no field stands for

    def _field(self, name: str) -> FieldDef:
        lower = name.lower()
        for field in self.site.fields.values():
            if lower == field.id.lower() or lower in (c.lower() for c in field.clause_names):
                return field
        raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")

    def _reader(self, name: str) -> Callable[[Issue], Any]:  # noqa: PLR0911 (one case a field)
        match name.lower():
            case "key" | "id" | "issue" | "issuekey":
                return lambda issue: (issue.id, issue.key)
            case "project":
                return lambda issue: issue.project_id
            case "issuetype" | "type":
                return lambda issue: issue.type_id
            case "created" | "createddate":
                return lambda issue: issue.created
            case "updated" | "updateddate":
                return lambda issue: issue.updated
            case "statuscategory":
                return lambda issue: self.site.statuses[issue.fields["status"]].category
            case "creator":
                return lambda issue: issue.creator
            case "comment":
                return lambda issue: issue.comments
        field = self._field(name)
        return lambda issue: issue.fields.get(field.id)

    def _ids(self, name: str, values: list[str]) -> set[Any]:  # noqa: PLR0911 (one a kind)
        site = self.site
        if name in ("key", "id", "issue", "issuekey", "parent"):
            return self._issue_ids(values, keep_keys=name != "parent")
        named: dict[str, tuple[str, Iterable[Any]]] = {
            "project": ("project", site.projects.values()),
            "issuetype": ("issuetype", site.issue_types.values()),
            "type": ("issuetype", site.issue_types.values()),
            "status": ("status", site.statuses.values()),
            "priority": ("priority", site.priorities.values()),
            "resolution": ("resolution", site.resolutions.values()),
        }
        if name in named:
            label, known = named[name]
            return {self._named(label, known, value) for value in values}
        if name == "statuscategory":
            names = {"to do": "new", "in progress": "indeterminate", "done": "done"}
            return {names.get(v.lower(), v.lower()) for v in values}
        field = self._field(name)
        if field.kind in ("option", "options"):
            return {self._option(field, value) for value in values}
        if field.kind == "number":
            return {_number(name, value) for value in values}
        if field.kind == "user":
            return {self._person(name, value) for value in values}
        return set(values)

    def _person(self, name: str, value: str) -> str:
        wanted = value.casefold()
        for user in self.site.users.values():
            if value == user.account_id or wanted in (user.display_name.casefold(), user.email):
                return user.account_id
        raise JqlError(f"The value '{value}' does not exist for the field '{name}'.")

    def _issue_ids(self, values: list[str], *, keep_keys: bool) -> set[Any]:
        found: set[Any] = set()
        for value in values:
            issue = self.site.issue(value)
            if issue is None and not keep_keys:
                raise JqlError(f"Issue does not exist or you do not have permission to see it: "
                               f"{value}")  # fmt: skip
            found.add(issue.id if issue else value.upper())
        return found

    def _named(self, label: str, known: Iterable[Any], value: str) -> str:
        wanted = value.casefold()
        for one in known:
            if value == one.id or wanted in (
                one.name.casefold(),
                getattr(one, "key", "").casefold(),
            ):
                return str(one.id)
        raise JqlError(f"The value '{value}' does not exist for the field '{label}'.")

    def _option(self, field: FieldDef, value: str) -> str:
        for option in field.options:
            if value == option.id or value.casefold() == option.value.casefold():
                return option.id
        raise JqlError(f"The option '{value}' for field '{field.name}' does not exist.")

    def _is_time(self, name: str) -> bool:
        if name in ("created", "createddate", "updated", "updateddate"):
            return True
        return self._kind(name) == "datetime"

    def _ordered(self, name: str, operator: str, value: str) -> Predicate:
        reader = self._reader(name)
        bound: Any
        if self._is_time(name.lower()):
            bound = self._moment(name, value)
        elif name.lower() in ("key", "id", "issue", "issuekey"):
            whole = self._issue_ids([value], keep_keys=True)
            found = str(next(iter(whole)))
            bound = int(found) if found.isdigit() else 0
            return _order_test(operator, lambda issue: int(issue.id), bound)
        elif self._field(name).kind == "number":
            bound = _number(name, value)
        elif self._field(name).kind == "date":
            bound = self._day(name, value)
        else:
            raise JqlError(f"The operator '{operator}' is not supported by the '{name}' field.")
        return _order_test(operator, reader, bound)

    def moment(self, name: str, value: str) -> int:
        """A time that the query names, in epoch milliseconds. Raises JqlError."""
        return self._moment(name, value)

    def _moment(self, name: str, value: str) -> int:
        """A time in epoch milliseconds: given so, relative, or quoted in the asker's zone."""
        if re.fullmatch(r"\d{9,}", value):
            return int(value)
        now = self.site.now_ms()
        relative = re.fullmatch(r"([+-]?)((?:\d+[mhdw]\s*)+)", value)
        if relative:
            pairs = re.findall(r"(\d+)([mhdw])", relative[2])
            minutes = sum(int(number) * UNITS[unit] for number, unit in pairs)
            return now + (-minutes if relative[1] == "-" else minutes) * 60_000
        for form in TIME_FORMATS:
            try:
                parsed = datetime.strptime(value, form).replace(tzinfo=zone(self.time_zone))
            except ValueError:
                continue
            return int(parsed.timestamp() * 1000)
        raise JqlError(
            f"Date value '{value}' for field '{name}' is invalid. Valid formats include: "
            "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period "
            "format e.g. '-5d', '4w 2d'."
        )

    def _day(self, name: str, value: str) -> str:
        moment = datetime.fromtimestamp(self._moment(name, value) / 1000, zone(self.time_zone))
        return (moment + timedelta(0)).date().isoformat()

    def _contains(self, name: str, operator: str, values: list[str]) -> Predicate:
        if operator not in ("~", "!~"):
            raise JqlError(f"The operator '{operator}' is not supported by the '{name}' field.")
        lower = name.lower()
        if lower == "text":
            names = [f.id for f in self.site.fields.values() if f.kind in ("string", "richtext")]
        elif lower == "comment":
            names = []
        else:
            field = self._field(name)
            if field.kind not in ("string", "richtext"):
                raise JqlError(f"The operator '~' is not supported by the '{name}' field.")
            names = [field.id]
        words = re.findall(r"\w+", values[0].casefold())
        prefix = values[0].rstrip('"').endswith("*")

        def test(issue: Issue) -> bool:
            parts = [_as_text(issue.fields.get(n)) for n in names]
            if lower in ("text", "comment"):
                parts += [plain_text(c.body) for c in issue.comments]
            have = set(re.findall(r"\w+", " ".join(parts).casefold()))
            if prefix and words:
                last = words[-1]
                return have.issuperset(words[:-1]) and any(h.startswith(last) for h in have)
            return have.issuperset(words)

        return test if operator == "~" else lambda issue: not test(issue)

    def _property(self, name: str, operator: str, values: list[str]) -> Predicate:
        match = re.fullmatch(r"issue\.property\[([^\]]+)\]\.(.+)", name, re.IGNORECASE)
        if match is None:
            raise JqlError(f"Field '{name}' does not exist or you do not have permission to "
                           "view it.")  # fmt: skip
        key, path = match[1].strip("'\""), match[2]
        kind = self._indexed_type(key, path)
        if kind is None:
            raise JqlError(f"Field '{name}' does not exist or you do not have permission to "
                           "view it.")  # fmt: skip

        def read(issue: Issue) -> Any:
            found: Any = issue.properties.get(key)
            for part in path.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            return found

        if operator in ("<", "<=", ">", ">="):
            bound = _number(name, values[0])
            return _order_test(operator, read, bound)
        wanted = {v.casefold() for v in values}
        return _signed(
            operator.replace("~", "="),
            lambda issue: any(str(v).casefold() in wanted for v in _many(read(issue))),
        )

    def _indexed_type(self, key: str, path: str) -> str | None:
        for app in self.site.apps.values():
            for module in app.modules.get("jiraEntityProperties", []):
                for index in module.get("keyConfigurations", []):
                    if index.get("propertyKey") != key:
                        continue
                    for extraction in index.get("extractions", []):
                        names = (extraction.get("objectName"), extraction.get("alias"))
                        if path in names:
                            return str(extraction.get("type", "string"))
        return None


def _many(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple | set) else (value,)


def _signed(operator: str, test: Predicate) -> Predicate:
    return (lambda issue: not test(issue)) if operator in ("!=", "!~", "not in") else test


def _named(name: str) -> JsonDict:
    """A field as Jira's parser tells of it; one that reads an entity property says which."""
    tree: JsonDict = {"name": name, "encodedName": _encoded(name)}
    match = re.fullmatch(r"issue\.property\[([^\]]+)\]\.(.+)", name, re.IGNORECASE)
    if match is not None:
        key = match[1].strip("'\"")
        tree["property"] = [{"entity": "issue", "key": key, "path": match[2]}]
    return tree


def _encoded(text: str) -> str:
    """A name or a value as it can stand in a query."""
    plain = BARE.fullmatch(text) is not None and text.lower() not in WORDS
    return text if plain else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _compound(operator: str, parts: list[Clause]) -> JsonDict:
    return {"clauses": [part.tree for part in parts], "operator": operator}


def _asserts(name: Token, operator: str, operand: JsonDict) -> JsonDict:
    # Jira's document names the negation of "~" so.
    operator = "~=" if operator == "!~" else operator
    return {"field": _named(name.text), "operator": operator, "operand": operand}


def _order_test(operator: str, reader: Callable[[Issue], Any], bound: Any) -> Predicate:
    tests: dict[str, Callable[[Any], bool]] = {
        "<": lambda v: v < bound,
        "<=": lambda v: v <= bound,
        ">": lambda v: v > bound,
        ">=": lambda v: v >= bound,
    }
    test = tests[operator]

    def run(issue: Issue) -> bool:
        value = reader(issue)
        return value is not None and test(value)

    return run


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise JqlError(f"The value '{value}' for the field '{name}' is not a number.") from None


def _as_text(value: Any) -> str:
    return plain_text(value) if isinstance(value, dict) else str(value or "")


def sort_issues(site: Site, issues: list[Issue], query: Query, compiler: Compiler) -> list[Issue]:
    """Sort by the query's keys, or as Jira does without any: newest first."""
    if not query.order:
        return sorted(issues, key=lambda i: int(i.id), reverse=True)
    for name, down in reversed(query.order):
        if name.lower() in ("key", "id", "issue", "issuekey"):
            issues = sorted(issues, key=lambda i: int(i.id), reverse=down)
            continue
        reader = compiler._reader(name)
        ranks = {p: n for n, p in enumerate(site.priorities)}
        if name.lower() == "priority":
            # Jira's "ascending" priority starts with the lowest.
            issues = sorted(issues, key=lambda i: -ranks.get(reader(i), 99), reverse=down)
            continue
        issues = sorted(issues, key=lambda i: _rank(reader(i)), reverse=down)
    return issues


def _rank(value: Any) -> tuple[bool, Any]:
    empty = value is None or value == []
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, dict):
        value = plain_text(value)
    return (empty, 0 if empty else value)


def compile_jql(
    site: Site, text: str, *, account_id: str, time_zone: str
) -> tuple[Query, Compiler]:
    """Compile a query for one asker. Raises JqlError in Jira's words."""
    compiler = Compiler(site, text, account_id=account_id, time_zone=time_zone)
    return compiler.compile(), compiler
