"""Reads JSON bodies from outside: content type, form and fields, with errors that name each."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from flask import Request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from app.errors import Problem

# Neither control characters nor halves of characters: the database takes neither.
PLAIN = validate.Regexp(
    r"[^\x00-\x1f\ud800-\udfff]{1,1024}\Z", error="Must be 1 to 1024 characters of plain text."
)


def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Problem with 415, 413 or 400."""
    if request.mimetype != "application/json":
        raise Problem(
            "The content type must be application/json.", status=415, code="unsupported-media-type"
        )
    try:
        body = json.loads(
            request.get_data().decode("utf-8"),
            object_pairs_hook=_one_of_each,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise Problem("The body is nested too deeply.", code="malformed-body") from None
    except ValueError:
        raise Problem("The body is not JSON in UTF-8.", code="malformed-body") from None
    if not isinstance(body, dict):
        raise Problem("The body must be a JSON object.", code="malformed-body")
    return body


def _one_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Which of two would count? Readers differ, and one of them may have been the check.
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(
            f"The key {ascii(twice[:40])[:42]} is in one object twice; each may be there once.",
            code="malformed-body",
        )
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # Python's reader knows NaN and Infinity


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number that no float can hold")
    return number


class LifecycleSchema(Schema):
    """The body of a lifecycle callback, as far as Tandem reads it."""

    # Reference: https://developer.atlassian.com/cloud/jira/platform/connect-app-descriptor/#lifecycle
    class Meta:
        """Jira adds fields as it likes."""

        unknown = EXCLUDE

    key = fields.String(required=True, validate=validate.Length(1, 255))
    clientKey = fields.String(required=True, validate=[PLAIN, validate.Length(1, 255)])
    sharedSecret = fields.String(validate=[PLAIN, validate.Length(16, 1024)])
    baseUrl = fields.Url(schemes={"http", "https"}, require_tld=False, validate=PLAIN)
    displayUrl = fields.String(load_default=None, allow_none=True, validate=PLAIN)
    cloudId = fields.String(load_default=None, allow_none=True, validate=PLAIN)
    productType = fields.String(validate=validate.Equal("jira"))
    eventType = fields.String(
        validate=validate.OneOf(("installed", "uninstalled", "enabled", "disabled"))
    )


def load(schema: Schema, body: dict[str, Any]) -> dict[str, Any]:
    """The checked fields of a body. Raises Problem that names the first field at fault."""
    try:
        loaded = schema.load(body)
    except ValidationError as fault:
        messages = dict(fault.messages_dict)
        name = sorted(messages)[0]
        raise Problem(
            f"{name}: {' '.join(map(str, messages[name]))}", code="invalid-field", field=name
        ) from None
    return dict(loaded)
