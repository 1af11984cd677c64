"""Further sites, of the same form as Globex: other names, ids and zones, the same vocabulary."""

from __future__ import annotations

from dataclasses import replace

from sandbox.seeds import GLOBEX, SEEDS, SiteSeed


def _alike(
    name: str, title: str, zone: str, shift: int, projects: tuple[tuple[str, str], ...]
) -> SiteSeed:
    """A site like Globex. `shift` is added to every id; `projects` are its two, key and name."""

    def moved(number: str) -> str:
        return str(int(number) + shift)

    keys = {old[1]: new[0] for old, new in zip(GLOBEX.projects, projects, strict=True)}
    ids = (old[0] for old in GLOBEX.projects)
    return replace(
        GLOBEX,
        name=name,
        title=title,
        time_zone=zone,
        first_id=GLOBEX.first_id + shift,
        types=tuple((moved(i), label) for i, label in GLOBEX.types),
        statuses=tuple((moved(i), label, kind) for i, label, kind in GLOBEX.statuses),
        moves=tuple((i, label, moved(a), moved(b)) for i, label, a, b in GLOBEX.moves),
        priorities=tuple(
            (moved(i), label, color, keys.get(only, ""))
            for i, label, color, only in GLOBEX.priorities
        ),
        custom=tuple((number + shift, *rest) for number, *rest in GLOBEX.custom),
        rarer=tuple((number + shift, *rest) for number, *rest in GLOBEX.rarer),
        projects=tuple((moved(i), *rest) for i, rest in zip(ids, projects, strict=True)),
        hidden=tuple((keys[key], *rest) for key, *rest in GLOBEX.hidden),
        required=tuple((keys[key], *rest) for key, *rest in GLOBEX.required),
        issues=tuple(
            (keys[key], kind, text, priority, moved(status), labels)
            for key, kind, text, priority, status, labels in GLOBEX.issues
        ),
        components=tuple((moved(i), label, keys[key]) for i, label, key in GLOBEX.components),
        versions=tuple(
            (moved(i), label, keys[key], state) for i, label, key, state in GLOBEX.versions
        ),
        sprints=tuple((number + shift, *rest) for number, *rest in GLOBEX.sprints),
        levels=tuple((moved(i), label) for i, label in GLOBEX.levels),
        service=tuple((number + shift, *rest) for number, *rest in GLOBEX.service),
        request_types=tuple((moved(i), keys[key], *rest) for i, key, *rest in GLOBEX.request_types),
        organizations=tuple((moved(i), label) for i, label in GLOBEX.organizations),
        groups=tuple(label.replace(GLOBEX.name, name) for label in GLOBEX.groups),
    )


INITECH = _alike(
    "initech",
    "Initech",
    "Europe/London",
    11_000,
    (("CORE", "Initech Core"), ("DESK", "Initech Desk")),
)
UMBRELLA = _alike(
    "umbrella",
    "Umbrella",
    "Asia/Kolkata",
    22_000,
    (("LAB", "Umbrella Lab"), ("CARE", "Umbrella Care")),
)
HOOLI = _alike(
    "hooli",
    "Hooli",
    "America/Los_Angeles",
    33_000,
    (("BOX", "Hooli Box"), ("NET", "Hooli Net")),
)

FURTHER = {seed.name: seed for seed in (INITECH, UMBRELLA, HOOLI)}
"""The sites after Acme and Globex, in the order in which they are added."""


def add_further(count: int) -> list[str]:
    """Make the first `count` further sites known to the seeding; returns their names."""
    names = list(FURTHER)[:count]
    SEEDS.update({name: FURTHER[name] for name in names})
    return names
