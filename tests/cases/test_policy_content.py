"""Contents of versions side by side: what changed in words, and changes carried over."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cases.policy.diff import diff_of, pieces_of
from scoring.services.policy import RuleDraft
from scoring.services.policy_content import Content, carry_over, changes_between, changes_in_words

RULES = st.lists(
    st.builds(
        RuleDraft,
        st.sampled_from("abcd"),
        st.sampled_from(["amount > 1", "amount > 2"]),
        st.just("review"),
        st.just("x"),
    ),
    unique_by=lambda rule: rule.code,
).map(lambda rules: tuple(sorted(rules, key=lambda rule: rule.code)))
CONTENTS = st.builds(
    Content,
    st.sampled_from([0.1, 0.2]),
    st.sampled_from([0.8, 0.9]),
    st.just(100),
    st.sampled_from([200, 300]),
    RULES,
    st.just(()),
    st.dictionaries(st.sampled_from(["block", "allow"]), st.sampled_from(["decline", "review"])),
)
BASE = Content(0.4, 0.8, 100, 200, (RuleDraft("a", "amount > 1", "review", "x"),), (), {"block": "decline"})


@given(CONTENTS, CONTENTS)
def test_changes_carried_over_to_what_did_not_change_are_the_version_itself(base, mine):
    assert carry_over(base=base, mine=mine, live=base) == (mine, [])


@given(CONTENTS, CONTENTS)
def test_a_version_that_changes_nothing_leaves_what_is_in_force_as_it_is(base, live):
    assert carry_over(base=base, mine=base, live=live) == (live, [])


@given(CONTENTS, CONTENTS, CONTENTS)
def test_every_change_is_carried_over_or_named(base, mine, live):
    merged, conflicts = carry_over(base=base, mine=mine, live=live)

    for change in changes_between(base, mine):
        if change.part in conflicts:
            assert merged.parts().get(change.part) == live.parts().get(change.part)
        else:
            assert merged.parts().get(change.part) == change.after


@given(CONTENTS)
def test_a_version_says_nothing_otherwise_than_itself(content):
    assert changes_between(content, content) == []
    assert not diff_of(content, content)


@given(st.text(), st.text())
def test_pieces_together_are_the_texts(before, after):
    left, right = pieces_of(before, after)

    assert ("".join(piece.text for piece in left), "".join(piece.text for piece in right)) == (before, after)
    same = ["".join(piece.text for piece in side if piece.kind == "same") for side in (left, right)]
    assert same[0] == same[1]


def test_changes_are_told_in_words_of_bounded_length():
    many = replace(BASE, rules=tuple(RuleDraft(f"rule-{n:03}", "amount > 1", "review", "x") for n in range(200)))

    assert changes_in_words(changes_between(BASE, replace(BASE, review_threshold=0.3))) == "changed thresholds"
    assert len(changes_in_words(changes_between(BASE, many))) <= 500
