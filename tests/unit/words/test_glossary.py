"""The glossary's words against every sentence that anybody reads, in both languages."""

import ast
import re
import string
from pathlib import Path

import pytest
from gateway.demo.both import BOTH as DEMO
from gateway.page.en import EN as PAGE_EN
from gateway.page.zh import ZH as PAGE_ZH
from gateway.sms.en import PHRASES as SMS_EN
from gateway.sms.zh import PHRASES as SMS_ZH
from gateway.voice.en import PHRASES as VOICE_EN
from gateway.voice.zh import PHRASES as VOICE_ZH
from gateway.words.both import BOTH
from gateway.words.en import EN
from gateway.words.kind import KINDS
from gateway.words.wide import printed
from gateway.words.zh import ZH

ROOT = Path(__file__).resolve().parents[3]
HAN = re.compile("[\u4e00-\u9fff]")
NOUN = r"(?:an?|the|its|this|that|each|every|which|any|another|several|these|of|right|wrong|no) "


def rows():
    """Return (English, 中文, not, but) of each row of the table."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    table = text.partition("<!-- glossary -->")[2].partition("<!-- end of glossary -->")[0].strip().splitlines()[2:]
    for line in table:
        english, chinese, _, never = (cell.strip() for cell in line.strip("|").split("|"))
        words, _, but = never.partition(" but ")
        yield english.split(", "), chinese.split(", "), words.split(", "), [word for word in but.split(", ") if word]


def drivers():
    """Return every sentence of the drivers: names, notes, settings, and what a refusal advises."""
    for path in sorted((ROOT / "drivers").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told and " " in node.value.strip():
                yield f"drivers/{path.name}:{node.lineno}", node.value


CATALOGUES = {"page/zh": PAGE_ZH, "page/en": PAGE_EN, "words/zh": ZH, "words/en": EN, "both": BOTH, "demo": DEMO}
CATALOGUES |= {"sms/zh": SMS_ZH, "sms/en": SMS_EN, "voice/zh": VOICE_ZH, "voice/en": VOICE_EN}
SAID = {f"{name}:{key}": text for name, catalogue in CATALOGUES.items() for key, text in catalogue.items()}
SAID |= {f"kind:{kind.name}": f"{kind.zh} {kind.en}" for kind in KINDS.values()} | dict(drivers())
SAID |= {f"gateway.toml:{n}": line for n, line in enumerate((ROOT / "config" / "gateway.toml").read_text("utf-8").splitlines(), 1)}

# Where a word of the last column stands all the same, and why.
BESIDE = {
    "报警": "what a detector does by itself, and the product's name",
    "sensor": "a kind of product, as its maker calls it",
    "值班": "the voice in the home speaks to a resident who knows no desk",
    "告警": "",
}
ALLOWED = {
    "报警": re.compile(r"报警器|报警码|fn\.alarm|sheet\.did\.(smokes|gases|leaks)|teach\.when_hint|drivers/|_silent|gateway\.toml"),
    "sensor": re.compile(r"drivers/|kind:|gateway\.toml|mount\.|judged\.|rules\.unwatched|privacy\.1"),
    "值班": re.compile(r"voice/zh:receipt|help\.said\.receipt"),
}


def pattern(word):
    """Return what finds a word: Chinese anywhere, English as a whole word in any number."""
    if HAN.search(word):
        return re.compile(re.escape(word))
    if word.endswith(" (noun)"):
        return re.compile(rf"\b{NOUN}{re.escape(word.removesuffix(' (noun)'))}s?\b", re.IGNORECASE)
    return re.compile(rf"(?<![\w./-]){re.escape(word)}(?:s|es|ed|ing)?(?![\w./-])", re.IGNORECASE)


FORBIDDEN = [(word, but) for _, _, words, but in rows() for word in words]


@pytest.mark.parametrize(("word", "but"), FORBIDDEN, ids=[word for word, _ in FORBIDDEN])
def test_a_word_of_the_last_column_is_said_nowhere(word, but):
    found = []
    for where, text in SAID.items():
        bare = text
        for allowed in but:
            bare = re.sub(re.escape(allowed), "", bare, flags=re.IGNORECASE)
        bare = re.sub(r"\{[^}]*\}|`[^`]*`|systemctl \S+|eldercare-\S+", " ", bare)
        known = ALLOWED.get(word)
        if pattern(word).search(bare) and not (known and (known.search(where) or known.search(text))):
            found.append(f"{where}: {text}")
    assert found == [], f"{word!r}: see docs/glossary.md"


def test_every_word_of_the_table_is_used():
    english = " ".join(text for where, text in SAID.items() if not where.startswith(("page/zh", "words/zh"))).lower()
    chinese = " ".join(SAID.values())
    for words, hanzi, _, _ in rows():
        assert any(re.search(rf"\b{re.escape(word.lower())}", english) for word in words), words
        assert [word for word in hanzi if word not in chinese] == [], hanzi


def test_a_word_stands_for_one_thing():
    for column in (0, 1):
        words = [word for row in rows() for word in row[column]]
        assert len(words) == len(set(words))
    assert not {word for row in rows() for word in row[0] + row[1]} & {word for word, _ in FORBIDDEN}


def test_an_exception_is_still_needed():
    for word, where in ALLOWED.items():
        assert BESIDE[word]
        assert any(pattern(word).search(text) and (where.search(at) or where.search(text)) for at, text in SAID.items()), word


# The certificate that is signed, and what proves a server: two words, by what the sentence is about.
SIGNED = re.compile(r"^(?:cert|figures|sheet|pull|walk|install|privacy|setup|nav|do)\.")


def test_what_is_signed_and_what_proves_a_server_are_two_words():
    for key, text in PAGE_ZH.items():
        assert not (SIGNED.match(key) and "证书" in text), key
        assert not (not SIGNED.match(key) and "验收单" in text), key
        assert not ("验收单" in text and re.search(r"\b(TLS|CA|client) certificate", PAGE_EN[key])), key


# -- no machine words on the page ------------------------------------------------------------------------------------------

MACHINE = re.compile(
    r"\b[a-z0-9]+_[a-z0-9_]+\b"  # put_device, door_left_open
    r"|\b[A-Z][a-z]+(?:Error|Exception)\b"
    r"|`"
    r"|\b\w+ = \w+"  # button = press
    r"|\b[\w/-]+\.(?:py|md|toml|db|json|service)\b"
)
TYPED = {"help.lost.label.do", "first.code_hint", "in.forgot"}  # eldercare-gateway code, which has to be typed


@pytest.mark.parametrize("catalogue", [PAGE_ZH, PAGE_EN], ids=["zh", "en"])
def test_no_machine_words_stand_on_the_page(catalogue):
    for key, text in catalogue.items():
        assert not MACHINE.search(re.sub(r"\{[^}]*\}", "", text)), f"{key}: {text}"
    commands = {key for key, text in catalogue.items() if "eldercare-gateway" in text}
    assert commands >= TYPED


# -- how a sentence is written ---------------------------------------------------------------------------------------------


def placeholders(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_the_page_has_every_sentence_in_both_languages_with_the_same_values():
    assert list(PAGE_ZH) == list(PAGE_EN)
    assert [key for key in PAGE_ZH if placeholders(PAGE_ZH[key]) != placeholders(PAGE_EN[key])] == []


HALF = re.compile("[\u4e00-\u9fff][,;:?!(]|[,;:?!)][\u4e00-\u9fff]")


@pytest.mark.parametrize("name", ["page/zh", "words/zh", "sms/zh", "voice/zh"])
def test_chinese_is_typed_with_half_width_marks_and_printed_with_full_width_ones(name):
    for key, text in CATALOGUES[name].items():
        assert not re.search("[\uff0c\uff1a\uff1b\uff1f\uff01\uff08\uff09]", text), f"{key} is typed as it is printed: {text}"
        values = dict.fromkeys(placeholders(text), 3)
        shown = printed(text.format(**values) if values else text) if name == "page/zh" else printed(text)
        assert not HALF.search(shown), f"{key}: {shown}"


def test_english_is_in_sentence_case_and_ends_as_its_chinese_does():
    for key, text in PAGE_EN.items():
        assert text == text.strip() or key in {"span.units", "install.lacks"}, key
        if PAGE_ZH[key].endswith("。") and not key.startswith(("help.said.", "cert.")):
            assert re.search(r"[.!?…”:]$", text), f"{key}: {text}"
