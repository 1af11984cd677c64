"""The schema of Atlassian's documents (ADF) as a table: attributes, and what may stand where.

A test holds it against the schema that Atlassian publishes, definition by definition.
"""

# Reference: https://www.npmjs.com/package/@atlaskit/adf-schema, dist/json-schema/v1/full.json

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_LAYOUTS = "wide|full-width|center|wrap-right|wrap-left|align-end|align-start"
_HEX = "/^#[0-9a-fA-F]{6}$/"
_EXTENSION = "extensionKey!:s1 extensionType!:s1 parameters:any text:s localId:s1"
_CELL = "colspan:n rowspan:n colwidth:[n] background:s localId:s valign:top|middle|bottom"
_CODE_BLOCK = "language:s uniqueId:s localId:s wrap:b hideLineNumbers:b"
_LOCAL = "localId:s"

# For each node the attributes that it may have, as "name:kind"; "!" where it must have it. Kinds:
# s a text, s1 one of at least a letter, n a number (n1..6 within), b yes or no, any, /pattern/,
# [n] and [s1] lists, one|of|these, `datasource`. Several sets: any one of them. None: no attrs.
ATTRS: Final[dict[str, tuple[str, ...]]] = {
    "blockCard": (
        f"localId:s url:s datasource!:datasource width:n layout:{_LAYOUTS}",
        "url!:s localId:s",
        "data!:any localId:s",
    ),
    "blockTaskItem": ("localId!:s state!:TODO|DONE",),
    "blockquote": (_LOCAL,),
    "bodiedExtension": (f"{_EXTENSION} layout:wide|full-width|default",),
    "bodiedSyncBlock": ("resourceId!:s localId!:s",),
    "bulletList": (_LOCAL,),
    "caption": (_LOCAL,),
    "codeBlock": (_CODE_BLOCK,),
    "date": ("timestamp!:s1 localId:s",),
    "decisionItem": ("localId!:s state!:s",),
    "decisionList": ("localId!:s",),
    "doc": (),
    "embedCard": (
        f"url!:s layout!:{_LAYOUTS} width:n0..100 originalHeight:n originalWidth:n localId:s",
    ),
    "emoji": ("shortName!:s id:s text:s localId:s",),
    "expand": ("title:s localId:s",),
    "extension": (f"{_EXTENSION} layout:wide|full-width|default",),
    "hardBreak": ("text:\n localId:s",),
    "heading": ("level!:n1..6 localId:s",),
    "inlineCard": ("url!:s localId:s", "data!:any localId:s"),
    "inlineExtension": (_EXTENSION,),
    "layoutColumn": ("width!:n0..100 localId:s valign:top|middle|bottom",),
    "layoutSection": (_LOCAL,),
    "listItem": (_LOCAL,),
    "media": (
        "type!:link|file localId:s id!:s1 alt:s collection!:s height:n occurrenceKey:s1 width:n",
        "type!:external localId:s alt:s height:n width:n url!:s",
    ),
    "mediaGroup": (),
    "mediaInline": (
        "type:link|file|image localId:s id!:s1 alt:s collection!:s occurrenceKey:s1 width:n "
        "height:n data:any",
    ),
    "mediaSingle": (
        f"localId:s width:n0..100 layout!:{_LAYOUTS} widthType:percentage",
        f"localId:s width!:n0.. widthType!:pixel layout!:{_LAYOUTS}",
    ),
    "mention": ("id!:s localId:s text:s accessLevel:s userType:DEFAULT|SPECIAL|APP",),
    "nestedExpand": ("title:s localId:s",),
    "orderedList": ("order:n0.. localId:s",),
    "panel": (
        "panelType!:info|note|tip|warning|error|success|custom panelIcon:s panelIconId:s "
        "panelIconText:s panelColor:s localId:s",
    ),
    "paragraph": (_LOCAL,),
    "placeholder": ("text!:s localId:s",),
    "rule": (_LOCAL,),
    "status": (
        "text!:s1 color!:/^(neutral|purple|blue|red|yellow|green|#[0-9a-fA-F]{6})$/ localId:s "
        "style:s",
    ),
    "syncBlock": ("resourceId!:s localId!:s",),
    "table": (
        "displayMode:default|fixed isNumberColumnEnabled:b "
        "layout:wide|full-width|center|align-end|align-start|default localId:s1 width:n",
    ),
    "tableCell": (_CELL,),
    "tableHeader": (_CELL,),
    "tableRow": (_LOCAL,),
    "taskItem": ("localId!:s state!:TODO|DONE",),
    "taskList": ("localId!:s",),
    "text": (),
}
# The same for marks.
MARKS: Final[dict[str, tuple[str, ...]]] = {
    "alignment": ("align!:center|end",),
    "annotation": ("id!:s annotationType!:inlineComment",),
    "backgroundColor": (f"color!:{_HEX}",),
    "border": ("size!:n1..3 color!:/^#[0-9a-fA-F]{8}$|^#[0-9a-fA-F]{6}$/",),
    "breakout": ("mode!:wide|full-width width:n",),
    "code": (),
    "dataConsumer": ("sources!:[s1]",),
    "em": (),
    "fontSize": ("fontSize!:small",),
    "fragment": ("localId!:s1 name:s",),
    "indentation": ("level!:n1..6",),
    "link": ("href!:s title:s id:s collection:s occurrenceKey:s",),
    "strike": (),
    "strong": (),
    "subsup": ("type!:sub|sup",),
    "textColor": (f"color!:{_HEX}",),
    "underline": (),
}
# Nodes that need no attrs at all, though some of the attributes are a must where there are any.
MAY_LACK_ATTRS: Final = frozenset({"mediaSingle"})

_FORMATS = "link em strong strike subsup underline textColor annotation backgroundColor"
_EXTENDING = "dataConsumer fragment"
_MEDIA = "dataConsumer link annotation border"
_ITEM_ATOMS = "hardBreak; mention; emoji; date; placeholder; inlineCard; status"
_TEXT = f"text({_FORMATS} / code link annotation)"
_INLINE = f"{_TEXT}; {_ITEM_ATOMS}; inlineExtension({_EXTENDING}); mediaInline({_MEDIA})"
_ALIGNED = "paragraph(fontSize alignment / fontSize indentation); heading(alignment / indentation)"
_PICTURES = "mediaSingle(link); mediaGroup"
_LISTS = "bulletList; orderedList"
_EXT = f"extension({_EXTENDING})"
_NOT_NESTING = (
    f"paragraph(fontSize); panel; blockquote; {_LISTS}; rule; heading; codeBlock; {_PICTURES}; "
    f"decisionList; taskList; table(fragment); blockCard; embedCard; {_EXT}"
)
_CELLS = (
    f"paragraph(fontSize alignment); heading(alignment / indentation); panel; blockquote; {_LISTS};"
    f" rule; codeBlock; {_PICTURES}; decisionList; taskList; blockCard; embedCard; {_EXT}; "
    "nestedExpand"
)
_BLOCKS = (
    f"{_ALIGNED}; blockCard; {_PICTURES}; taskList; {_LISTS}; decisionList; rule; panel; "
    f"blockquote; {_EXT}; embedCard; table(fragment); bodiedExtension({_EXTENDING})"
)
# What may stand in a node, as "child(marks)" of the marks it may bear there; "/" parts sets of
# marks that do not go together.
PLACES_TEXT: Final[dict[str, str]] = {
    "blockTaskItem": f"paragraph(fontSize); {_EXT}",
    "blockquote": f"paragraph; {_LISTS}; codeBlock; {_PICTURES}; {_EXT}",
    "bodiedExtension": _NOT_NESTING,
    "bulletList": "listItem",
    "caption": f"{_TEXT}; {_ITEM_ATOMS}",
    "codeBlock": "text",
    "decisionItem": _INLINE,
    "decisionList": "decisionItem",
    "doc": f"{_BLOCKS}; codeBlock(breakout); layoutSection(breakout); expand(breakout); "
    "syncBlock(breakout); bodiedSyncBlock(breakout)",
    "expand": f"{_NOT_NESTING}; nestedExpand",
    "heading": _INLINE,
    "layoutColumn": f"{_BLOCKS}; codeBlock; expand",
    "layoutSection": "layoutColumn",
    "listItem": f"paragraph(fontSize); {_LISTS}; taskList; mediaSingle(link); codeBlock; {_EXT}",
    "mediaGroup": f"media({_MEDIA})",
    "mediaSingle": f"media({_MEDIA}); caption",
    "nestedExpand": f"paragraph(fontSize); heading; {_PICTURES}; codeBlock; {_LISTS}; taskList; "
    f"decisionList; rule; panel; blockquote; {_EXT}",
    "orderedList": "listItem",
    "panel": f"paragraph(fontSize); heading; {_LISTS}; blockCard; {_PICTURES}; codeBlock; "
    f"taskList; rule; decisionList; {_EXT}",
    "paragraph": _INLINE,
    "table": "tableRow",
    "tableCell": _CELLS,
    "tableHeader": _CELLS,
    "tableRow": "tableCell; tableHeader",
    "taskItem": _INLINE,
    "taskList": "taskItem; taskList; blockTaskItem",
}
# `content` may be missing in these; in the others that are in PLACES it must be there.
MAY_LACK_CONTENT: Final = frozenset(
    {"caption", "codeBlock", "decisionItem", "heading", "paragraph", "taskItem"}
)
# Their content may be empty.
MAY_BE_EMPTY: Final = MAY_LACK_CONTENT | {"doc", "tableRow"}
# Between how many columns a section has. Reference: layoutSection_full in the schema.
COLUMNS: Final = (2, 3)


@dataclass(frozen=True)
class Attr:
    """One attribute: its name, whether it must be there, and the kind of its value."""

    name: str
    must: bool
    kind: str

    def takes(self, value: object) -> bool:
        """Whether the value is one that the schema allows."""
        kind = self.kind
        if kind in _SIMPLE:
            return _SIMPLE[kind](value)
        if kind.startswith("["):
            inner = _SIMPLE[kind[1:-1].rstrip("1")]
            filled = bool(value) or "1" not in kind
            return isinstance(value, list) and filled and all(inner(one) for one in value)
        if ".." in kind:
            return _is_number(value, kind[1:])
        if kind.startswith("/"):
            return isinstance(value, str) and re.search(kind[1:-1], value) is not None
        return isinstance(value, str) and value in kind.split("|")


def _is_number(value: object, within: str = "..") -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    low, _, high = within.partition("..")
    return (
        abs(value) < 2**53
        and (not low or value >= float(low))
        and (not high or value <= float(high))
    )


def _is_datasource(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"id", "parameters", "views"}:
        return False
    views = value["views"]
    return (
        isinstance(value["id"], str)
        and isinstance(views, list)
        and bool(views)
        and all(
            isinstance(view, dict)
            and isinstance(view.get("type"), str)
            and set(view) <= {"type", "properties"}
            for view in views
        )
    )


_SIMPLE: Final[dict[str, Callable[[object], bool]]] = {
    "s": lambda value: isinstance(value, str),
    "s1": lambda value: isinstance(value, str) and bool(value),
    "n": _is_number,
    "b": lambda value: isinstance(value, bool),
    "any": lambda value: True,
    "datasource": _is_datasource,
}


def _attributes(text: str) -> tuple[Attr, ...]:
    """Read one set of attributes from its line in the table."""
    found = []
    for word in text.split(" "):
        name, _, kind = word.partition(":")
        found.append(Attr(name.rstrip("!"), name.endswith("!"), kind))
    return tuple(found)


def _place(text: str) -> dict[str, tuple[frozenset[str], ...]]:
    """Read what may stand in one node from its line in the table."""
    found = {}
    for word in text.split(";"):
        child, _, marks = word.strip().rstrip(")").partition("(")
        sets = (frozenset(some.split()) for some in marks.split("/")) if marks else ()
        found[child] = tuple(sets)
    return found


NODE_ATTRS: Final = {name: tuple(map(_attributes, sets)) for name, sets in ATTRS.items()}
MARK_ATTRS: Final = {name: tuple(map(_attributes, sets)) for name, sets in MARKS.items()}
PLACES: Final = {name: _place(text) for name, text in PLACES_TEXT.items()}
