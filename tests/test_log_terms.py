"""What was said, taken apart for search: the same for an index in SQLite and for whoever searches without one."""

import sqlite3
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.log.terms import TOKENIZER, Phrase, indexed, phrases, places, terms


def words(text: str) -> list[str]:
    return [term.text for term in terms(text)]


class TestTerms:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", []),
            ("Café CRÈME, please!", ["cafe", "creme", "please"]),
            ("That's $9.05 (or 9,05 €).", ["that", "s", "9", "05", "or", "9", "05"]),
            ("e-mail snake_case", ["e", "mail", "snake", "case"]),
            ("Straße STRASSE ﬁne \uff11\uff12", ["strasse", "strasse", "fine", "12"]),
            ("cafe\u0301 \u0301x", ["cafe", "x"]),
            ("Ёлка İstanbul", ["елка", "istanbul"]),
            ("छूट दी", ["छूट", "दी"]),
            ("⑴ Ⅷ \u037a ﷻ", ["1", "viii", "جل", "جلاله"]),
            ("½ 2½ 1/2", ["1", "2", "2", "1", "2", "1", "2"]),
            ("Foo™ 5㎏", ["foo", "5"]),
            ("我们有store折扣", ["我", "们", "有", "store", "折", "扣"]),
            ("ส่วนลด", ["ส่", "ว", "น", "ล", "ด"]),
            ("할인이 있어요", ["할", "인", "이", "있", "어", "요"]),
            (normalize("NFD", "할인"), ["할", "인"]),
            ("ﾃﾞｽｸ ｱﾞ ｰ", ["デ", "ス", "ク", "ア\u3099", "ー"]),
            ("a" + "\u0301" * 100 + "b ｶ" + "\u0301" * 40 + "ﾞ", ["ab", "カ\u3099"]),
            ("👋 a\x00b \ud800", ["a", "b"]),
        ],
    )
    def test_words_without_what_does_not_matter(self, text: str, expected: list[str]) -> None:
        assert words(text) == expected

    def test_each_knows_where_it_stands(self) -> None:
        text = "A store-discount für छूट 折扣."
        assert [text[term.begin : term.end] for term in terms(text)] == [
            "A",
            "store",
            "discount",
            "für",
            "छूट",
            "折",
            "扣",
        ]
        text = normalize("NFD", "할인 für ﾃﾞ ½")
        assert [text[term.begin : term.end] for term in terms(text)] == [
            *(normalize("NFD", letter) for letter in "할인"),
            "fu\u0308r",
            "ﾃﾞ",
            "½",
            "½",
        ]


class TestPhrases:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("store discount", ["store", "discount"]),
            ('"store discount" cash', ["store discount", "cash"]),
            ('cash "store discount', ["cash", "store discount"]),
            ("$9.05", ["9 05"]),
            ("折扣", ["折 扣"]),
            ("NEAR(a b) AND -x* col:y ^z", ["near a", "b", "and", "x*", "col y", "z"]),
            ('disc* DISC** "a disc*" "a disc"* b', ["disc*", "disc*", "a disc*", "a disc*", "b"]),
            ('di*sc *disc "disc *" * "disc" *', ["di sc", "disc", "disc", "disc"]),
            ('"" () * "', []),
            ("", []),
        ],
    )
    def test_words_and_phrases_in_quotes_and_no_query_language(self, query: str, expected: list[str]) -> None:
        """A `*` behind a word, and no other, makes it the beginning of one."""
        assert phrases(query) == [Phrase(tuple(each.rstrip("*").split()), each.endswith("*")) for each in expected]


class TestPlaces:
    def test_all_phrases_must_be_there(self) -> None:
        text = "We have a store discount. Cash or credit?"
        assert places(text, phrases('"store discount" credit')) == [(10, 24), (34, 40)]
        assert places(text, phrases('"discount store"')) is None
        assert places(text, phrases("store check")) is None
        assert places("", phrases("store")) is None

    def test_a_beginning_is_found_with_the_rest_of_its_word(self) -> None:
        text = "We have discounts, store discounts."
        assert places(text, phrases("disc*")) == [(8, 17)]
        assert places(text, phrases('"store disc"*')) == [(19, 34)]
        assert places(text, phrases("disc")) is None
        assert places(text, phrases('"sto* discounts"')) is None
        assert places("我们有折扣。", phrases("折*")) == [(3, 4)]

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            (normalize("NFD", "할인이 있어요"), "할인"),
            ("할인", normalize("NFD", "할인")),
            ("ﾃﾞｽｸ", "デスク"),
            ("1/2", "½"),
        ],
    )
    def test_however_it_was_written(self, text: str, query: str) -> None:
        assert places(text, phrases(query)) is not None

    def test_a_phrase_is_found_in_the_middle_of_a_script_without_spaces(self) -> None:
        assert places("我们有折扣。", phrases("折扣")) == [(3, 5)]
        assert places("折, 扣", phrases("扣折")) is None


TEXTS = st.text(st.sampled_from("abAB é́ 折扣할ᄒ\u1161\u11abｶﾞ⑴ﷻ\u037a\"'**-:^()+{}.9½\x00"), max_size=20) | st.text(
    max_size=20
)


@given(TEXTS, TEXTS)
def test_sqlite_finds_every_text_that_is_found_here_and_understands_every_query(text: str, query: str) -> None:
    """An index that lost a text could not be believed; one that stumbles over a query would be of no use."""
    wanted = phrases(query)
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE said USING fts5(words, tokenize='{TOKENIZER}')")
    connection.execute("INSERT INTO said VALUES (?)", [indexed(text)])
    for phrase in wanted:
        asked = f'words : "{" ".join(phrase.terms)}"{"*" if phrase.is_prefix else ""}'
        (hits,) = connection.execute("SELECT count(*) FROM said WHERE said MATCH ?", [asked]).fetchone()
        assert hits == (places(text, [phrase]) is not None)
    connection.close()


@given(TEXTS, st.sampled_from(["NFC", "NFD"]))
def test_a_text_is_the_same_however_its_letters_are_put_together(text: str, form: Any) -> None:
    assert words(normalize(form, text)) == words(text)
