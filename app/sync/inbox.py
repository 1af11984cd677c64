"""The inbox: conflicts that wait for a person, and what he chose. Values are sealed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, ForeignKey, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Model, TenantId, tenant_transaction
from app.errors import NotFound
from app.language import gettext as _
from app.mapping.models import ProfileRecord
from app.mapping.profile import Side
from app.mapping.profiles import StoredProfile
from app.mapping.values import handler, whole
from app.sync.fingerprint import Fingerprinter
from app.sync.models import Change, IssueLink
from app.sync.plan import Conflict, Decision
from app.sync.store_links import Link
from app.tenants.caller import Caller
from app.tenants.deeds import Action, Deed, Recorder, record_for_both
from app.vault.vault import Place, Vault

if TYPE_CHECKING:
    from app.sync.turn import Turn

LEAVE = "leave"
SHOWN = 50


class ConflictQuestion(Model):
    """One field of one pair, changed on both sides, for a person to decide."""

    __tablename__ = "conflict_question"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    profile_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("profile.id"))
    left_tenant_id: Mapped[uuid.UUID]
    right_tenant_id: Mapped[uuid.UUID]
    link_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("issue_link.id"))
    field_key: Mapped[str]
    held: Mapped[bytes]
    left_mark: Mapped[str]
    right_mark: Mapped[str]
    choice: Mapped[str | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True)
class Question:
    """A question as shown: both values as text."""

    id: uuid.UUID
    profile_id: uuid.UUID
    profile: str
    field: str
    left_key: str | None
    right_key: str | None
    left: str
    right: str
    choice: str | None
    asked_at: datetime
    own_project: int
    tenants: tuple[TenantId, TenantId]


_SETTLED = text(
    """
    DELETE FROM conflict_question q WHERE q.link_id = ANY(:visited) AND NOT EXISTS (
        SELECT FROM unnest(CAST(:links AS uuid[]), CAST(:fields AS text[])) AS n (link_id, field)
        WHERE n.link_id = q.link_id AND n.field = q.field_key)
    """
)


def note(
    session: Session,
    vault: Vault,
    profile: StoredProfile,
    visited: Sequence[tuple[Link, Sequence[Conflict]]],
    fingerprints: Fingerprinter,
) -> None:
    """Keep exactly these questions of pairs that were visited, in the running transaction.

    One over the same two values stays as it is, with what was chosen; other values ask anew.
    Whatever the fields' policies are: what was asked under an earlier one is settled as well.
    """
    asked = [(link, one) for link, conflicts in visited for one in conflicts]
    session.execute(
        _SETTLED,
        {
            "visited": [link.id for link, _ in visited],
            "links": [link.id for link, _ in asked],
            "fields": [one.key for _, one in asked],
        },
    )
    for link, one in asked:
        _ask(session, vault, profile, link, one, fingerprints=fingerprints)


def _ask(
    session: Session,
    vault: Vault,
    profile: StoredProfile,
    link: Link,
    one: Conflict,
    *,
    fingerprints: Fingerprinter,
) -> None:
    mapping = next(m for m in profile.profile.fields if m.key == one.key)
    marks = {
        "left_mark": fingerprints.of(one.key, Side.LEFT, one.left),
        "right_mark": fingerprints.of(one.key, Side.RIGHT, one.right),
    }
    same = select(ConflictQuestion.id).where(
        ConflictQuestion.link_id == link.id,
        ConflictQuestion.field_key == one.key,
        ConflictQuestion.left_mark == marks["left_mark"],
        ConflictQuestion.right_mark == marks["right_mark"],
    )
    if session.scalar(same) is not None:
        return
    question = uuid.uuid4()
    both = ((Side.LEFT, one.left), (Side.RIGHT, one.right))
    texts = [whole(handler(mapping.kind_of(side)).text(value)) for side, value in both]
    held = vault.seal(_place(profile.left_tenant, question), json.dumps(texts).encode())
    asked = {"id": question, "held": held, **marks}
    session.execute(
        insert(ConflictQuestion)
        .values(
            profile_id=profile.id,
            left_tenant_id=profile.left_tenant,
            right_tenant_id=profile.right_tenant,
            link_id=link.id,
            field_key=one.key,
            **asked,
        )
        .on_conflict_do_update(
            index_elements=["link_id", "field_key"],
            set_={**asked, "choice": None, "asked_at": func.now()},
        )
    )


def decisions(turn: Turn, link: Link) -> dict[str, Decision]:
    """What people chose for a pair, by mapping key."""
    with turn.transaction() as session:
        return decisions_of(session, [link.id]).get(link.id, {})


def decisions_of(
    session: Session, links: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[str, Decision]]:
    """What people chose for these pairs, by link and mapping key; those without are left out."""
    rows = session.scalars(
        select(ConflictQuestion).where(
            ConflictQuestion.link_id.in_(links), ConflictQuestion.choice.is_not(None)
        )
    ).all()
    found: dict[uuid.UUID, dict[str, Decision]] = {}
    for row in rows:
        found.setdefault(row.link_id, {})[row.field_key] = Decision(
            None if row.choice == LEAVE else Side(str(row.choice)), row.left_mark, row.right_mark
        )
    return found


def questions(
    vault: Vault,
    tenant: TenantId,
    covers: Callable[[int], bool],
    first: uuid.UUID | None = None,
) -> list[Question]:
    """The questions that a tenant's person may see, the longest waiting first, at most 50.
    `first`: one that comes before all others, however long they wait."""
    found: list[Question] = []
    with tenant_transaction(tenant) as session:
        rows = session.execute(
            select(ConflictQuestion, IssueLink, ProfileRecord)
            .join(IssueLink, IssueLink.id == ConflictQuestion.link_id)
            .join(ProfileRecord, ProfileRecord.id == ConflictQuestion.profile_id)
            .where(_covered(tenant, covers, session))
            .order_by(
                ConflictQuestion.id != first if first else literal(0),
                ConflictQuestion.asked_at,
                ConflictQuestion.id,
            )
            .limit(SHOWN)
        ).all()
    for row, link, profile in rows:
        opened = vault.unseal(_place(TenantId(row.left_tenant_id), row.id), row.held)
        left, right = json.loads(opened)
        found.append(
            Question(
                id=row.id,
                profile_id=row.profile_id,
                profile=profile.name,
                field=row.field_key,
                left_key=link.left_key,
                right_key=link.right_key,
                left=left,
                right=right,
                choice=row.choice,
                asked_at=row.asked_at,
                own_project=_own_project(profile, tenant),
                tenants=(TenantId(row.left_tenant_id), TenantId(row.right_tenant_id)),
            )
        )
    return found


def _own_project(profile: ProfileRecord, tenant: TenantId) -> int:
    left = profile.left_tenant_id == tenant
    return profile.left_project_id if left else profile.right_project_id


def _covered(
    tenant: TenantId, covers: Callable[[int], bool], session: Session
) -> ColumnElement[bool]:
    """Matches the profiles whose own project the person may see."""
    seen = [
        one.id
        for one in session.scalars(select(ProfileRecord))
        if covers(_own_project(one, tenant))
    ]
    return ProfileRecord.id.in_(seen)


def require(tenant: TenantId, question: uuid.UUID, covers: Callable[[int], bool]) -> None:
    """That a tenant's person may see a question. Raises NotFound, the same for one out of reach,
    one that was settled, and one over older values."""
    with tenant_transaction(tenant) as session:
        row = session.get(ConflictQuestion, question)
        profile = None if row is None else session.get_one(ProfileRecord, row.profile_id)
        if profile is None or not covers(_own_project(profile, tenant)):
            raise _gone()


def _gone() -> NotFound:
    return NotFound(
        _("There is no such question. It may be settled, or a value changed since: look again.")
    )


def choose(
    record: Recorder,
    ring: Callable[[uuid.UUID, int], None],
    caller: Caller,
    *,
    question: uuid.UUID,
    choice: str,
    covers: Callable[[int], bool],
) -> None:
    """Store what a person chose and mark the pair; the merge carries it out. Raises NotFound, as
    `require`."""
    gone = _gone()
    tenant = caller.tenant
    with tenant_transaction(tenant) as session:
        row = session.scalars(
            select(ConflictQuestion).where(ConflictQuestion.id == question).with_for_update()
        ).one_or_none()
        if row is None:
            raise gone
        profile = session.get_one(ProfileRecord, row.profile_id)
        if not covers(_own_project(profile, tenant)):
            raise gone
        link = session.get_one(IssueLink, row.link_id)
        session.execute(
            update(ConflictQuestion).where(ConflictQuestion.id == question).values(choice=choice)
        )
        _mark(session, link)
        partner = row.right_tenant_id if row.left_tenant_id == tenant else row.left_tenant_id
        deed = Deed(
            caller.actor, Action.CONFLICT_DECIDED, f"profile:{profile.id}", {"choice": choice}
        )
        record_for_both(record, session, tenant, TenantId(partner), deed)
    ring(link.profile_id, link.lane)


def _mark(session: Session, link: IssueLink) -> None:
    """Make the pair due at once, whatever its events said."""
    session.execute(
        insert(Change)
        .values(
            profile_id=link.profile_id,
            side=Side.LEFT.value,
            issue_id=link.left_issue_id,
            left_tenant_id=link.left_tenant_id,
            right_tenant_id=link.right_tenant_id,
            lane=link.lane,
            version=1,
            attempts=0,
            parked=False,
        )
        .on_conflict_do_update(
            index_elements=["profile_id", "side", "issue_id"],
            set_={
                "version": Change.version + 1,
                "event_updated": None,
                "lane": link.lane,
                "last_at": func.now(),
                "not_before": func.now(),
                "parked": False,
                "retried": False,
                "run_id": None,
            },
        )
    )


def _place(left_tenant: TenantId, question: uuid.UUID) -> Place:
    return Place(left_tenant, "conflict_question", "held", str(question))
