"""What every part of the mapping document is held to."""

from __future__ import annotations

from marshmallow import RAISE, Schema

from app.said import said


class Strict(Schema):
    """An object of the document: with the keys of version 1 and no others."""

    error_messages = {
        "unknown": said("is not known in version 1; remove it or correct its name"),
        "type": said("must be an object with the keys of version 1; correct it"),
    }

    class Meta:
        """What is misspelled must not be left out without a word."""

        unknown = RAISE
