"""What becomes of each thing that a text names of its site, and of what Jira would refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.mapping.rich import (
    Carried,
    Context,
    Needs,
    Reason,
    carry_document,
    in_step,
    keeping_media,
    keys_in,
    media_of,
    mentions_in,
    told,
    too_long,
    trees_agree,
    vanished,
    would_drop_media,
)
from sandbox.rich_text import SCHEMA, Converter
from tests.unit.rich_world import (
    ACME,
    ADA,
    BEN,
    CLEO,
    DIAL,
    FILES,
    GLOBEX,
    LOST,
    PEOPLE,
    SEAL,
    Checker,
    back,
    canonical,
    corpus,
    doc,
    node,
    paragraph,
    text,
    there,
)

NOBODY = Context(ACME, GLOBEX)


@pytest.fixture(scope="module")
def schema() -> Iterator[Checker | None]:
    converter = Converter()
    yield Checker(converter) if SCHEMA.exists() else None
    converter.close()


def carried(schema: Checker | None, *content: Any, context: Context | None = None) -> Carried:
    found = carry_document(doc(*content), context or there())
    assert found.refused is None
    if schema:
        assert schema.faults(found.document) == []
    return found


def blocks(found: Carried) -> list[Any]:
    assert found.document is not None
    content: list[Any] = json.loads(found.document)["content"]
    return content


def line(found: Carried) -> list[Any]:
    content: list[Any] = blocks(found)[0]["content"]
    return content


def media(id_: str, **attrs: Any) -> dict[str, Any]:
    return {"type": "media", "attrs": {"type": "file", "id": id_, "collection": "", **attrs}}


def mention(id_: str, **attrs: Any) -> dict[str, Any]:
    return {"type": "mention", "attrs": {"id": id_, **attrs}}


# --- people -------------------------------------------------------------------------------


def test_a_known_person_is_mentioned_by_the_account_of_the_other_site(schema: Checker) -> None:
    found = carried(schema, paragraph(mention(ADA, text="@Ada", userType="DEFAULT")))
    expected = mention(PEOPLE[ADA], text="@Ada", userType="DEFAULT")
    assert (line(found), found.degraded) == ([expected], ())


@pytest.mark.parametrize(
    ("attrs", "words"),
    [({"id": CLEO, "text": "@Old name"}, "@Cleo"), ({"id": CLEO}, "@Cleo")],
)
def test_a_person_without_an_account_there_is_a_name_in_the_text(
    attrs: dict[str, str], words: str, schema: Checker
) -> None:
    found = carried(schema, paragraph("by ", {"type": "mention", "attrs": attrs}))
    assert line(found) == [text("by "), text(words)]
    assert [one.reason for one in found.degraded] == [Reason.NO_ACCOUNT]
    assert found.needs == Needs()


@pytest.mark.parametrize(("attrs", "words"), [({"text": "@Zoe"}, "@Zoe"), ({}, "@someone")])
def test_a_person_nobody_looked_up_is_named_as_a_need(
    attrs: dict[str, str], words: str, schema: Checker
) -> None:
    found = carried(schema, paragraph(mention("new-one", **attrs)))
    assert line(found) == [text(words)]
    assert found.needs == Needs(people=frozenset({"new-one"}))


def test_no_account_id_of_the_source_is_left_where_a_person_is_unknown(schema: Checker) -> None:
    for document in corpus().values():
        found = carry_document(json.dumps(document), NOBODY)
        for account in (ADA, BEN, CLEO):
            assert account not in (found.document or "")


def test_everybody_here_is_mentioned_on_both_sites(schema: Checker) -> None:
    found = carried(schema, paragraph(mention("here", userType="SPECIAL")))
    assert (line(found)[0]["attrs"]["id"], found.degraded) == ("here", ())


# --- files --------------------------------------------------------------------------------


def test_a_picture_points_to_the_carried_file(schema: Checker) -> None:
    found = carried(schema, node("mediaSingle", media(SEAL, alt="seal.png"), layout="center"))
    assert blocks(found)[0]["content"] == [media(FILES[SEAL], alt="seal.png")]
    assert found.degraded == ()


def test_a_picture_that_is_not_carried_is_its_name_with_a_link_and_keeps_its_caption(
    schema: Checker,
) -> None:
    caption = node("caption", "what it was")
    found = carried(schema, node("mediaSingle", media(LOST), caption, layout="center"))
    href = f"{ACME}/rest/api/3/attachment/content/9"
    expected = [paragraph(text("[File: lost.pdf]", href=href)), paragraph("what it was")]
    assert blocks(found) == expected
    assert len(told(found.degraded)) == 1


def test_a_file_nobody_looked_up_is_named_as_a_need(schema: Checker) -> None:
    found = carried(schema, node("mediaGroup", media(SEAL, alt="s.png")), context=NOBODY)
    assert blocks(found) == [paragraph("[File: s.png]")]
    assert found.needs == Needs(files=frozenset({SEAL}))


def test_of_a_group_the_files_that_are_there_stay_a_group(schema: Checker) -> None:
    found = carried(schema, node("mediaGroup", media(LOST), media(SEAL), media(DIAL)))
    group, gone = blocks(found)
    assert [one["attrs"]["id"] for one in group["content"]] == [FILES[SEAL], FILES[DIAL]]
    assert gone["content"][0]["text"] == "[File: lost.pdf]"


@pytest.mark.parametrize("parent", ["listItem", "heading", "tableCell", "blockTaskItem", "panel"])
def test_a_file_in_a_wrong_place_is_moved_and_not_lost(parent: str, schema: Checker) -> None:
    attrs = {"level": 1} if parent == "heading" else {}
    found = carried(schema, node(parent, node("mediaGroup", media(SEAL)), **attrs))
    assert [one.id for one in media_of(found.document)] == [FILES[SEAL]]


# --- issues -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ACME-1", "GLOB-11"),
        ("(ACME-1), ACME-2.", "(GLOB-11), GLOB-22."),
        ("ACME-9999", "ACME-9999"),
        ("ACME-11 ACME-1x xACME-1 a/ACME-1 ACME-1.png ACME-1-b", None),
        ("ACME-1に", "GLOB-11に"),
        (f"{ACME}/browse/ACME-1", f"{GLOBEX}/browse/GLOB-11"),
        (f"see {ACME}/browse/ACME-1?a=ACME-2#x.", f"see {GLOBEX}/browse/GLOB-11?a=ACME-2#x."),
        (f"{ACME}/browse/ACME-9999", None),
        (f"{ACME}.evil.example/browse/ACME-1", None),
        ("https://example.com/ACME-1", None),
        ("acme-1 ACME-0 ACME-01", None),
    ],
)
def test_a_key_in_a_text_is_the_linked_issues_key(words: str, expected: str | None) -> None:
    assert line(carried(None, paragraph(words)))[0]["text"] == (expected or words)


@pytest.mark.parametrize("type_", ["inlineCard", "blockCard", "embedCard"])
def test_a_card_of_a_linked_issue_shows_it_on_the_other_site(type_: str, schema: Checker) -> None:
    layout = {"layout": "center"} if type_ == "embedCard" else {}
    card = node(type_, url=f"{ACME}/browse/ACME-1", **layout)
    found = carried(schema, paragraph(card) if type_ == "inlineCard" else card)
    assert f"{GLOBEX}/browse/GLOB-11" in (found.document or "")
    assert ACME not in (found.document or "")


def test_a_link_to_a_linked_issue_leads_to_it_on_the_other_site() -> None:
    found = carried(None, paragraph(text("this", href=f"{ACME}/browse/ACME-2")))
    assert line(found) == [text("this", href=f"{GLOBEX}/browse/GLOB-22")]


def test_code_is_left_as_it_is() -> None:
    found = carried(None, paragraph(text("ACME-1", "code")), node("codeBlock", "ACME-1"))
    assert (found.document or "").count("ACME-1") == 2


def test_the_same_key_on_both_sites_is_told_apart_by_the_site() -> None:
    one = Context(ACME, GLOBEX, issues={"OPS-1": "OPS-2", "OPS-2": "OPS-3"})
    other = Context(GLOBEX, ACME, issues={"OPS-2": "OPS-1", "OPS-3": "OPS-2"})
    before = canonical(json.loads(doc(paragraph("OPS-1, OPS-2"))))
    assert before is not None
    first = carry_document(before, one)
    assert line(first)[0]["text"] == "OPS-2, OPS-3"
    assert carry_document(first.document or "", other).document == before


def test_an_issue_nobody_looked_up_is_named_as_a_need() -> None:
    found = carried(None, paragraph("ACME-77", text("x", href=f"{ACME}/browse/ACME-78")))
    assert found.needs == Needs(issues=frozenset({"ACME-77", "ACME-78"}))


# --- what is of its site ------------------------------------------------------------------

MACRO = {"extensionType": "com.example", "extensionKey": "toc"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (node("extension", **MACRO, text="Contents"), "[App content: Contents]"),
        (node("extension", **MACRO), "[App content: toc]"),
        (
            node("extension", **MACRO, parameters={"macroMetadata": {"title": "T"}}),
            "[App content: T]",
        ),
        (node("extension", **MACRO, parameters={"extensionTitle": "F"}), "[App content: F]"),
        (paragraph(node("inlineExtension", **MACRO)), "[App content: toc]"),
        (node("syncBlock", resourceId="r", localId="l"), "[Synced block]"),
        (
            paragraph(node("emoji", shortName=":ours:", id="3f0a9c1e-7b2d-4c6f-8e5a-1d4b7c9e2f30")),
            ":ours:",
        ),
    ],
)
def test_what_works_on_its_own_site_alone_is_a_text(
    content: dict[str, Any], words: str, schema: Checker
) -> None:
    found = carried(schema, content)
    assert blocks(found) == [paragraph(words)]
    assert {one.reason for one in found.degraded} == {Reason.OF_ITS_SITE}


def test_the_body_of_a_macro_is_kept(schema: Checker) -> None:
    found = carried(schema, node("bodiedExtension", paragraph("in"), node("rule"), **MACRO))
    assert blocks(found) == [paragraph("[App content: toc]"), paragraph("in"), {"type": "rule"}]


def test_a_node_of_a_newer_editor_is_its_text(schema: Checker) -> None:
    found = carried(
        schema,
        node("hologram", paragraph("seen from the side"), depth=3),
        paragraph("a ", node("sparkle", label="shiny"), " b"),
        node("bulletList", node("listItem", node("orb"))),
    )
    assert blocks(found)[:2] == [
        paragraph("seen from the side"),
        paragraph("a ", "shiny", " b"),
    ]
    assert blocks(found)[2]["content"][0]["content"] == [paragraph("[orb]")]
    assert {one.reason for one in found.degraded} == {Reason.UNKNOWN}


def test_what_degrades_is_told_once_however_often_it_is_there() -> None:
    found = carried(None, *[paragraph(mention(CLEO)) for _ in range(5)])
    assert len(found.degraded) == 5
    assert told(found.degraded) == (
        "mention “@Cleo”: this person has no account on the other site; the name is there as text",
    )


def test_what_goes_with_another_thing_has_no_sentence_of_its_own() -> None:
    shown = node("mediaSingle", media(LOST), node("caption", "old"), layout="center")
    shown["marks"] = [{"type": "link", "attrs": {"href": "https://example.com"}}]
    found = carried(None, shown, node("extension", **MACRO, marks=[{"type": "dataConsumer"}]))
    assert [one.split(":")[0] for one in told(found.degraded)] == [
        "file “lost.pdf”",
        "app content “toc”",
    ]


def test_a_degraded_twin_is_in_step_with_its_source() -> None:
    # What a merge compares: what the source carries to, with what the twin holds.
    before = doc(paragraph("by ", mention(CLEO)), node("extension", **MACRO))
    twin = carry_document(before, there()).document
    assert carry_document(before, there()).document == twin
    assert carry_document(twin or "", back()).document == twin


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [200, 400])
def test_a_document_of_hundreds_of_levels_crosses(levels: int, schema: Checker) -> None:
    deep = paragraph(mention(ADA))
    for _ in range(levels // 2):
        deep = node("bulletList", node("listItem", paragraph("x"), deep))
    found = carry_document(doc(deep), there())
    assert found.refused is None
    assert PEOPLE[ADA] in (found.document or "")
    if levels == 200 and schema:
        assert schema.faults(found.document) == []


def test_a_document_deeper_than_can_be_read_is_refused_with_a_sentence() -> None:
    deep = '{"type":"bulletList","content":[' * 5000 + "]}" * 5000
    found = carry_document(f'{{"type":"doc","version":1,"content":[{deep}]}}', there())
    assert (found.document, found.degraded) == (None, ())
    assert "left as it is on both sides" in (found.refused or "")


@pytest.mark.parametrize("broken", ["", "{", "\x00", "nonsense"])
def test_what_is_no_document_is_refused_with_a_sentence(broken: str) -> None:
    assert "cannot be read" in (carry_document(broken, there()).refused or "")


def test_control_characters_go_and_half_characters_are_replaced(schema: Checker) -> None:
    before = json.dumps({"type": "doc", "content": [paragraph("a\x00\x0bb\tc\ud83d d\ufffe")]})
    found = carry_document(before, there())
    assert line(found) == [text("ab\tc\ufffd d")]
    assert [one.reason for one in found.degraded] == [Reason.CHARACTERS]
    halves = f'{{"type":"doc","content":[{json.dumps(paragraph("H"))}]}}'.replace("H", "\ud800")
    assert line(carry_document(halves, there())) == [text("\ufffd")]


@pytest.mark.parametrize("empty", [doc(), doc(paragraph()), doc(paragraph(), paragraph())])
def test_an_empty_document_is_nothing(empty: str) -> None:
    assert carry_document(empty, there()) == Carried(None)


def test_attributes_that_the_schema_has_not_or_that_are_null_are_left_out_and_listed(
    schema: Checker,
) -> None:
    panel = node("panel", paragraph("x"), panelType="info", panelIcon=None, glow=True)
    found = carried(schema, panel)
    assert blocks(found)[0]["attrs"] == {"panelType": "info"}
    assert [(one.name, one.reason) for one in found.degraded] == [
        ("panel glow", Reason.UNKNOWN),
        ("panel panelIcon", Reason.BROKEN),
    ]


@pytest.mark.parametrize(("letters", "over"), [(32_767, 0), (32_768, 1), (40_000, 7_233)])
def test_a_text_of_more_than_jira_takes_is_told(letters: int, over: int) -> None:
    assert too_long(doc(paragraph("x" * (letters - 1), node("hardBreak")))) == over
    assert carry_document(doc(paragraph("x" * letters)), there()).refused is None
    assert too_long(doc(paragraph("\U0001f600" * 16_384))) == 1, "as Java counts"


# --- the trial ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "missing"),
    [
        (doc(paragraph("one"), node("rule")), ("text (1)", "em as a mark (1)", "a text")),
        (doc(paragraph("one", text("two", "em"))), ("rule (1)",)),
        (doc(paragraph("one", "two"), node("rule")), ("em as a mark (1)",)),
        (doc(paragraph(text("two", "em"), "one"), node("rule")), ("a text",)),
        (doc(paragraph("one", text("tw", "em")), node("rule")), ("a text",)),
        (doc(node("rule"), paragraph("one", text("two", "em"))), ("a part of paragraph",)),
    ],
)
def test_the_trial_names_whatever_vanished(after: str, missing: tuple[str, ...]) -> None:
    before = doc(paragraph("one", text("two", "em")), node("rule"))
    assert vanished(before, after, ()) == missing
    assert not trees_agree(before, after, ())
    assert trees_agree(before, before, ())


def test_the_trial_passes_over_what_is_listed_and_over_nothing_else() -> None:
    before = doc(paragraph(mention(CLEO), mention(ADA)))
    found = carry_document(before, there())
    assert trees_agree(before, found.document, found.degraded)
    assert vanished(before, doc(paragraph("@Cleo")), found.degraded) == ("mention (1)",)


def test_an_attribute_that_is_gone_unsaid_is_seen_by_the_trial() -> None:
    before = doc(node("panel", paragraph("x"), panelType="custom", panelColor="#fff"))
    assert vanished(before, doc(node("panel", paragraph("x"), panelType="custom")), ()) == (
        "a part of panel",
    )


# --- no body loses its files --------------------------------------------------------------


def held(*ids: str) -> str:
    return doc(paragraph("now"), *[node("mediaSingle", media(one), layout="wide") for one in ids])


def test_files_that_only_the_target_shows_stay_at_the_end(schema: Checker) -> None:
    to_write = carry_document(doc(paragraph("new")), there()).document
    now = held(FILES[SEAL], "theirs")
    assert [one.id for one in would_drop_media(now, to_write)] == [FILES[SEAL], "theirs"]
    kept = keeping_media(now, to_write)
    assert would_drop_media(now, kept) == ()
    content = json.loads(kept or "")["content"]
    assert content == [paragraph("new"), node("mediaGroup", media(FILES[SEAL]), media("theirs"))]
    if schema:
        assert schema.faults(kept) == []


def test_a_target_that_kept_its_files_is_in_step() -> None:
    to_write = carry_document(doc(paragraph("new"), paragraph(mention(ADA))), there()).document
    inline = node("mediaInline", type="image", id="i", collection="", alt="a", data={"x": 1})
    now = doc(paragraph(inline), node("mediaGroup", media("theirs")))
    kept = keeping_media(now, to_write)
    assert keeping_media(kept, to_write) == kept
    assert [one.id for one in media_of(kept)] == ["i", "theirs"]
    assert in_step(to_write, kept)
    assert not in_step(to_write, now)
    assert not in_step(to_write, kept, may_go=["i"])
    assert in_step(None, None)
    assert not in_step(to_write, None)


def test_an_emptied_text_keeps_the_files_of_the_target() -> None:
    kept = keeping_media(held("theirs"), None)
    assert [one.id for one in media_of(kept)] == ["theirs"]
    assert keeping_media(held("theirs"), None, may_go=["theirs"]) is None


def test_nothing_is_appended_where_no_file_would_go() -> None:
    same = held(SEAL)
    assert keeping_media(same, same) == same
    assert keeping_media(None, same) == same
    web = doc(node("mediaSingle", {"type": "media", "attrs": {"type": "external", "url": "u"}}))
    assert would_drop_media(web, None) == ()


def test_what_a_document_names_is_found_wherever_it_stands() -> None:
    whole = [canonical(one) or "" for one in corpus().values()]
    assert set().union(*map(mentions_in, whole)) == {ADA, BEN, CLEO}
    assert {one.id for text_ in whole for one in media_of(text_)} == {SEAL, DIAL, LOST}
    named = set().union(*(keys_in(one, ACME) for one in whole))
    assert named == {"ACME-1", "ACME-2", "ACME-9999"}
    assert keys_in(canonical(corpus()["code-block"]), ACME) == frozenset()


def test_what_is_named_covers_what_a_conversion_needs() -> None:
    for name, document in corpus().items():
        before = canonical(document) or ""
        needs = carry_document(before, NOBODY).needs
        assert needs.people == mentions_in(before), name
        assert needs.files == {one.id for one in media_of(before)}, name
        assert needs.issues <= keys_in(before, ACME), name
