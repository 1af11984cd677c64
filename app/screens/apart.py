"""Names in texts, kept apart from the words around them: a name may be written right to left."""

from __future__ import annotations

import re

from flask import Blueprint
from markupsafe import Markup, escape

_QUOTED = re.compile("([“„])(.*?)([”“])", re.DOTALL)


def apart(name: object) -> Markup:
    """A name whose direction is its own."""
    return Markup("<bdi>{}</bdi>").format(name)


def quoted(sentence: object) -> Markup:
    """A sentence in which each name in quotation marks has a direction of its own."""
    found = _QUOTED.sub(r"\1<bdi>\2</bdi>\3", str(escape(sentence)))
    return Markup(found)  # noqa: S704  it was escaped before


def register(blueprint: Blueprint) -> None:
    """Give them to all templates of the blueprint's app."""
    blueprint.add_app_template_filter(apart)
    blueprint.add_app_template_filter(quoted)
