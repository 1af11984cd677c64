"""Wiki markup crosses token by token: references are rewritten, and all else is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mapping.rich import Needs, Reason, carry_wiki
from app.mapping.rich.wiki import keeping_files, named_in, would_drop_files
from tests.unit.rich_world import ACME, ADA, CLEO, GLOBEX, PEOPLE, back, there

NAMES: dict[str, str | None] = {
    "seal.png": "seal (2).png",
    "my dial.jpg": "d.jpg",
    "lost.pdf": None,
}
BROWSE, BROWSE_THERE = f"{ACME}/browse", f"{GLOBEX}/browse"
THERE = replace(there(), file_names=NAMES)
BACK = replace(back(), file_names={other: one for one, other in NAMES.items() if other})


@pytest.mark.parametrize(
    ("wiki", "expected"),
    [
        (f"ask [~accountid:{ADA}]!", f"ask [~{PEOPLE[ADA]}]!"),
        (f"[~accountid:{CLEO}] knew", "@Cleo knew"),
        ("[~accountid:here] stop", "[~accountid:here] stop"),
        ("look: !seal.png!", "look: !seal (2).png!"),
        ("!my dial.jpg|width=200,alt=\"x\"!", "!d.jpg|width=200,alt=\"x\"!"),
        (f'!seal.png|href="{BROWSE}/ACME-1"!', f'!seal (2).png|href="{BROWSE_THERE}/GLOB-11"!'),
        ("!lost.pdf|thumbnail!", "File: lost.pdf"),
        ("[^seal.png] and [the dial|^my dial.jpg]", None),
        ("!https://example.com/a.png!", "!https://example.com/a.png!"),
        ("Stop !now! please, wow! great! so", "Stop !now! please, wow! great! so"),
        (f"ACME-1 and [it|{BROWSE}/ACME-2]", f"GLOB-11 and [it|{BROWSE_THERE}/GLOB-22]"),
        (f"[{ACME}/browse/ACME-1]", f"[{GLOBEX}/browse/GLOB-11]"),
        (f"[a|{ACME}/browse/ACME-1|smart-link]", f"[a|{GLOBEX}/browse/GLOB-11|smart-link]"),
        ("{quote}ACME-1{quote} h1. ACME-9999", "{quote}GLOB-11{quote} h1. ACME-9999"),
        (f"(!) ask [~accountid:{ADA}] now!", f"(!) ask [~{PEOPLE[ADA]}] now!"),
        ("||ACME-1||x||\n|ACME-2|y|", "||GLOB-11||x||\n|GLOB-22|y|"),
    ],
)  # fmt: skip
def test_what_the_markup_names_is_what_the_other_site_calls_it(
    wiki: str, expected: str | None
) -> None:
    found = carry_wiki(wiki, THERE)
    assert found.document == (expected or "[^seal (2).png] and [the dial|^d.jpg]")
    assert found.refused is None


@pytest.mark.parametrize(
    "code",
    [
        "{code}ACME-1 !seal.png! [~accountid:x]{code}",
        "{code:python|title=ACME-1}\nACME-1\n{code}",
        "{noformat}\n[~accountid:x] ACME-2\n{noformat}",
        "{{ACME-1}}",
        r"\[~accountid:x\] \!seal.png\!",
    ],
)
def test_code_and_what_is_escaped_is_left_as_it_is(code: str) -> None:
    found = carry_wiki(f"ACME-1 {code} ACME-2", THERE)
    assert (found.document, found.degraded) == (f"GLOB-11 {code} GLOB-22", ())


def test_what_nobody_looked_up_is_named_as_a_need() -> None:
    found = carry_wiki("[~accountid:new] [~jsmith] !new.png! ACME-77", THERE)
    assert found.document == "@someone @someone File: new.png ACME-77"
    assert found.needs == Needs(
        frozenset({"new", "jsmith"}), frozenset({"new.png"}), frozenset({"ACME-77"})
    )
    assert {one.reason for one in found.degraded} == {Reason.NO_ACCOUNT, Reason.NO_FILE}


def test_a_node_between_adf_marks_is_carried_as_a_document_is() -> None:
    card = '{"type":"inlineCard","attrs":{"url":"' + ACME + '/browse/ACME-1"}}'
    found = carry_wiki("a {adf:display=inline}" + card + "{adf} b", THERE)
    there_ = card.replace(f"{ACME}/browse/ACME-1", f"{GLOBEX}/browse/GLOB-11")
    sorted_ = '{"attrs":' + there_[there_.index('"attrs":') + 8 : -1] + ',"type":"inlineCard"}'
    assert found.document == "a {adf:display=inline}" + sorted_ + "{adf} b"


def test_a_macro_between_adf_marks_is_a_text() -> None:
    macro = '{"type":"extension","attrs":{"extensionKey":"toc","extensionType":"x"}}'
    found = carry_wiki("{adf:display=block}\n" + macro + "\n{adf}", THERE)
    assert found.document == r"\[App content: toc\]"
    assert [one.reason for one in found.degraded] == [Reason.OF_ITS_SITE]


@pytest.mark.parametrize("broken", ["{adf}nonsense{adf}", "{adf}[1]{adf}", "{adf:x}{{adf}"])
def test_what_is_no_node_between_adf_marks_is_left_as_it_is(broken: str) -> None:
    assert carry_wiki(broken, THERE).document == broken


def test_lists_that_jira_would_deepen_at_each_crossing_are_cut() -> None:
    found = carry_wiki(f"{'*' * 25} deep\n* one\n{{code}}\n{'*' * 30} x\n{{code}}", THERE)
    assert found.document == f"{'*' * 20} deep\n* one\n{{code}}\n{'*' * 30} x\n{{code}}"
    assert len(found.degraded) == 1


def test_nothing_is_nothing_and_control_characters_go() -> None:
    assert carry_wiki(None, THERE).document is None
    assert carry_wiki("", THERE).document is None
    found = carry_wiki("a\x00b\ud800", THERE)
    assert found.document == "ab\ufffd"
    assert [one.reason for one in found.degraded] == [Reason.CHARACTERS]


def test_files_that_only_the_target_shows_stay_at_the_end() -> None:
    now = "!theirs.png|width=3! and [^a.pdf], !https://example.com/x.png!"
    assert would_drop_files(now, "new !a.pdf|thumbnail!") == ("theirs.png",)
    kept = keeping_files(now, "new")
    assert kept == "new\n\n!theirs.png|thumbnail!\n!a.pdf|thumbnail!"
    assert would_drop_files(now, kept) == ()
    assert keeping_files(kept, "new") == kept
    assert keeping_files(now, now) == now
    assert keeping_files("!a.png!", None) == "!a.png|thumbnail!"


def test_what_the_markup_names_is_found() -> None:
    adf = '{"type":"mention","attrs":{"id":"in-adf"}}'
    wiki = f"[~accountid:{ADA}] !seal.png! [^b.pdf] !now! ACME-1 {{code}}ACME-2{{code}}"
    found = named_in(wiki + " {adf}" + adf + "{adf} " + ACME + "/browse/ACME-3", ACME)
    assert found.people == {ADA, "in-adf"}
    assert found.files == ("seal.png", "b.pdf")
    assert found.issues == {"ACME-1", "ACME-3"}


TOKENS = st.sampled_from(
    [
        *"a \n![]{}~|^*\\",
        *("{code}", "{noformat}", "{{", "}}", "{adf:display=inline}", "{adf}", "h1. ", "# "),
        *(f"[~accountid:{ADA}]", f"[~accountid:{CLEO}]", "!seal.png!", "!lost.pdf|thumbnail!"),
        *("[^seal.png]", "ACME-1", "ACME-7", f"{BROWSE}/ACME-2", "\ud800", "\x01"),
        '{"type":"mention","attrs":{"id":"' + ADA + '"}}',
    ]
)
PARTS = st.sampled_from(
    [
        *(f"[~accountid:{ADA}]", "!seal.png!", "[^seal.png]", "ACME-1", "ACME-7", "words"),
        *(f"[x|{BROWSE}/ACME-2]", "{code}ACME-1{code}", "{{ACME-2}}", "!lost.pdf!"),
        *("!ACME-1 b.pdf!", "[ACME-2|^x.pdf]", "[ACME-2|^seal.png]", "(!)"),
        *(f"[~accountid:{CLEO}]", "{quote}", "* item", "h2. head", "||a||", "\\*"),
    ]
)


@settings(max_examples=500, deadline=None)
@given(wiki=st.lists(TOKENS, max_size=12).map("".join) | st.text(max_size=30))
def test_any_markup_is_carried_the_same_way_each_time_and_without_an_exception(wiki: str) -> None:
    found = carry_wiki(wiki, THERE)
    assert found == carry_wiki(wiki, THERE)
    assert f"accountid:{ADA}]" not in (found.document or "") or "{" in wiki or "\\" in wiki


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(PARTS, max_size=8))
def test_markup_comes_back_as_a_fixed_point(parts: list[str]) -> None:
    wiki = " \n".join(parts)
    first = carry_wiki(wiki, THERE).document
    returned = carry_wiki(first, BACK).document
    assert carry_wiki(returned, THERE).document == first
