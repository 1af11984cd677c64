"""Why an issue cannot be moved to a status, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.mapping.said import said, together
from app.sync.move_path import Outlook
from app.sync.reasons import Code


def no_way(
    field: str, at: str, to: str, found: Outlook, unseen: Mapping[str, str]
) -> tuple[Code, str]:
    """The code and the sentence of a status that cannot be reached."""
    if found.missing:
        return missing_fields(field, at, to, found.missing)
    unknown = [*unseen.values(), *(one.name for one in found.unknown)]
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        return Code.MOVE_UNKNOWN, said(
            "%(field)s: no way is known from '%(at)s' to '%(to)s'. What %(names)s leads on to "
            "could not be seen: no issue of the project and type is in it, or too many were to be "
            "looked at.",
            field=field,
            at=at,
            to=to,
            names=names,
        )
    sentence: str = said(
        "%(field)s: no way leads from '%(at)s' to '%(to)s' that Tandem may take.",
        field=field,
        at=at,
        to=to,
    )
    if found.shut:
        names = ", ".join(f"'{name}'" for name in found.shut)
        shut = said("A condition does not let its user make %(names)s.", names=names)
        sentence = together([sentence, shut])
    return Code.MOVE_NO_WAY, sentence


def missing_fields(field: str, at: str, to: str, names: Sequence[str]) -> tuple[Code, str]:
    """The code and the sentence of a way that wants fields which nothing fills."""
    return Code.MOVE_FIELDS, said(
        "%(field)s: the way from '%(at)s' to '%(to)s' wants %(names)s, which nothing fills.",
        field=field,
        at=at,
        to=to,
        names=", ".join(names),
    )
