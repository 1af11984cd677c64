"""A parser and evaluator for the usual part of JQL.

Reference: https://support.atlassian.com/jira-software-cloud/docs/jql-fields/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.model import FieldDef, Issue
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


class JqlError(Exception):
    """A query that Jira would refuse, in its words."""


@dataclass(frozen=True)
class Token:
    """A piece of the query; quoted pieces are never keywords."""

    text: str
    kind: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of the given keywords."""
        return self.kind == "word" and self.text.lower() in words


@dataclass(frozen=True)
class Query:
    """A compiled query: what matches, how to sort, and whether it restricts anything."""

    matches: Predicate
    order: tuple[tuple[str, bool], ...]
    bounded: bool


def tokenize(text: str) -> list[Token]:
    """Cut the query into tokens. Raises JqlError."""
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.end() == at:
            raise JqlError(f"Error in the JQL Query: The character at position {at + 1} is "
                           "not expected here.")  # fmt: skip
        kind = match.lastgroup or "word"
        piece = match.group(kind)
        if kind == "quoted":
            piece = re.sub(r"\\(.)", r"\1", piece[1:-1])
        tokens.append(Token(piece, kind))
        at = match.end()
    return tokens


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
        matches: Predicate = (lambda issue: True) if not bounded else self._or()
        order = self._order()
        if self.at < len(self.tokens):
            wrong = self.tokens[self.at].text
            raise JqlError(f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got "
                           f"'{wrong}'.")  # fmt: skip
        return Query(matches, order, bounded)

    # --- grammar -------------------------------------------------------------------------

    def _peek(self, *words: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at].is_word(*words)

    def _peek_op(self, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] == Token(text, "op")

    def _next(self) -> Token:
        if self.at >= len(self.tokens):
            raise JqlError("Error in the JQL Query: Expecting more at the end of the query.")
        self.at += 1
        return self.tokens[self.at - 1]

    def _or(self) -> Predicate:
        parts = [self._and()]
        while self._peek("or"):
            self.at += 1
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda issue: any(p(issue) for p in parts)

    def _and(self) -> Predicate:
        parts = [self._not()]
        while self._peek("and"):
            self.at += 1
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda issue: all(p(issue) for p in parts)

    def _not(self) -> Predicate:
        if self._peek("not"):
            self.at += 1
            inner = self._not()
            return lambda issue: not inner(issue)
        if self._peek_op("("):
            self.at += 1
            inner = self._or()
            if not self._peek_op(")"):
                raise JqlError("Error in the JQL Query: Expecting ')' before the end of the query.")
            self.at += 1
            return inner
        return self._clause()

    def _clause(self) -> Predicate:
        name = self._next()
        if name.kind == "op" or name.is_word(*WORDS):
            raise JqlError(f"Error in the JQL Query: '{name.text}' is a reserved JQL word or "
                           "operator here.")  # fmt: skip
        operator = self._next()
        negated = False
        if operator.is_word("not"):
            negated, operator = True, self._next()
        if operator.is_word("is"):
            if self._peek("not"):
                self.at += 1
                negated = True
            if not self._peek("empty", "null"):
                raise JqlError("Error in the JQL Query: 'is' takes only EMPTY or NULL.")
            self.at += 1
            reader = self._reader(name.text)
            return lambda issue: (not reader(issue)) != negated
        if operator.is_word("in"):
            values = self._values()
            inside = self._compare(name.text, "=", values)
            return (lambda issue: not inside(issue)) if negated else inside
        if operator.kind != "op" or operator.text in "(),":
            raise JqlError(f"Error in the JQL Query: '{operator.text}' is not an operator.")
        if self._peek("empty", "null"):
            self.at += 1
            reader = self._reader(name.text)
            return lambda issue: (not reader(issue)) == (operator.text == "=")
        return self._compare(name.text, operator.text, [self._value()])

    def _value(self) -> str:
        token = self._next()
        if token.kind == "op":
            raise JqlError(f"Error in the JQL Query: Expecting a value but got '{token.text}'.")
        if self._peek_op("(") and token.kind == "word":
            self.at += 1
            if not self._peek_op(")"):
                raise JqlError(f"Function '{token.text}' with arguments is not supported here.")
            self.at += 1
            return self._function(token.text)
        return token.text

    def _function(self, name: str) -> str:
        if name.lower() == "currentuser":
            return self.account_id
        if name.lower() == "now":
            return str(self.site.now_ms())
        raise JqlError(f"Unable to find JQL function '{name}()'.")

    def _values(self) -> list[str]:
        if not self._peek_op("("):
            raise JqlError("Error in the JQL Query: Expecting '(' after 'in'.")
        self.at += 1
        values = [self._value()]
        while self._peek_op(","):
            self.at += 1
            values.append(self._value())
        if not self._peek_op(")"):
            raise JqlError("Error in the JQL Query: Expecting ')' at the end of the list.")
        self.at += 1
        return values

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not self._peek("order"):
            return ()
        self.at += 1
        if not self._next().is_word("by"):
            raise JqlError("Error in the JQL Query: Expecting 'by' after 'order'.")
        keys = []
        while True:
            name = self._next().text
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
        if self._is_time(lower):
            moments = [self._moment(name, v) for v in values]
            clock = self._reader(name)
            return _signed(operator, lambda issue: clock(issue) in moments)
        reader = self._reader(name)
        wanted = self._ids(lower, values)
        return _signed(operator, lambda issue: not wanted.isdisjoint(_many(reader(issue))))

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

    def _ids(self, name: str, values: list[str]) -> set[Any]:
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
        return set(values)

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
        try:
            return self._field(name).kind == "datetime"
        except JqlError:
            return False

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

    def _moment(self, name: str, value: str) -> int:
        """A time in epoch milliseconds: given so, relative, or quoted in the asker's zone."""
        if re.fullmatch(r"\d{9,}", value):
            return int(value)
        now = self.site.now_ms()
        relative = re.fullmatch(r"([+-]?)((?:\d+[mhdw]\s*)+)", value)
        if relative:
            pairs = re.findall(r"(\d+)([mhdw])", relative[2])
            minutes = sum(int(number) * UNITS[unit] for number, unit in pairs)
            return now + (minutes if relative[1] == "+" else -minutes) * 60_000
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
    return (lambda issue: not test(issue)) if operator.startswith("!") else test


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
