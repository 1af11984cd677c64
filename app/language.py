"""The words of the pages in the reader's language: one catalogue, English its source.

`_("…")` marks a text wherever it is said. Jobs and commands have no reader with a language of his
own: there it is the English text itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import flask_babel
from flask import Flask, has_request_context, request

from app.said import Said

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""By language tag: the languages that are complete, by their own names."""
SOURCE = "en"
CATALOGUES = Path(__file__).resolve().parents[1] / "translations"


def init_language(app: Flask) -> None:
    """Give the app's templates `_` and `{% trans %}`, in the language that the browser asks for."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(CATALOGUES)
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.finalize = _finalize
    flask_babel.Babel(app, default_locale=SOURCE, locale_selector=language)
    app.jinja_env.globals |= {"language": language, "tell": tell}


def language() -> str:
    """The tag of the language of the request: the first of `Accept-Language`, of any country, that
    is complete."""
    if not has_request_context():
        return SOURCE
    for wanted, quality in request.accept_languages:
        tag = wanted.partition("-")[0].lower()
        if quality > 0 and tag in LANGUAGES:
            return tag
    return SOURCE


def gettext(text: str, /, **values: object) -> str:
    """A text in the reader's language, with its named placeholders filled."""
    if has_request_context():
        return str(flask_babel.gettext(text, **values))
    return text % values if values else text


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """The text of `one` or of `many` in the reader's language, by `num`, which it may name."""
    if has_request_context():
        return str(flask_babel.ngettext(one, many, num, **values))
    return (one if num == 1 else many) % ({"num": num} | values)


def tell(
    sentence: str,
    names: Mapping[str, str] | None = None,
    fields: Callable[[str], str] | None = None,
) -> str:
    """A sentence in the reader's language; one that is no `Said` as it is.

    `names`: what to put in the place of a text within it, such as the sites' names for the sides
    (`app.mapping.said.side_names`). `fields`: what a field that it names by its id is called.
    """
    if not isinstance(sentence, Said):
        return sentence
    if sentence.parts:
        return str(sentence.values["between"]).join(
            tell(one, names, fields) for one in sentence.parts
        )
    if names and sentence.text in names:
        return names[sentence.text]
    values = {
        name: tell(value, names, fields) if isinstance(value, str) else value
        for name, value in sentence.values.items()
    }
    field = sentence.values.get("field")
    if fields and isinstance(field, str) and not isinstance(field, Said):
        values["field"] = fields(field)
    if sentence.many:
        return ngettext(sentence.text, sentence.many, sentence.num, **values)
    return gettext(sentence.text, **values)


def _finalize(value: object) -> object:
    """What a template prints: a sentence of the engine in the reader's language."""
    return tell(value) if isinstance(value, Said) else value


def noop(text: str) -> str:
    """Mark a text of a table for the catalogue; `gettext` is called where it is shown."""
    return text
