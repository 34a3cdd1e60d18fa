"""The page's style as one system: what stands in the CSS and the catalogue is used, and nothing has a colour or size of its own.

`/style` shows all of it, built of the page's own style and macros. It is there in these tests and their screenshots only.
"""

import re
from collections import defaultdict

import pytest
from gateway.page import assets
from gateway.page.zh import ZH

from tests.kit.ports import free_port
from tests.page import style
from tests.page.conftest import Box
from tests.page.markup import faults
from tests.page.served import ROOT, Page, chromium, in_a_browser
from tests.page.test_browser import is_accessible, is_fit_for_a_finger
from tests.page.test_roles_browser import BROKEN, DESK, PHONE, entered, pictured

PAGE = ROOT / "gateway" / "page"
CSS = re.sub(r"/\*.*?\*/", " ", assets.STYLE, flags=re.DOTALL)
CATALOGUES = {"zh.py", "en.py"}

# -- what nobody uses


def read(*folders, kinds=(".py", ".html", ".js")):
    """The text of code and templates, without the catalogues of the page."""
    paths = sorted(p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in kinds and p.parent / p.name != PAGE / "zh.py")
    return "\n".join(p.read_text(encoding="utf-8") for p in paths if not (p.parent == PAGE and p.name in CATALOGUES))


def selectors(css):
    """What stands before each block, at-rules taken off; a question about a selector is none."""
    return [part.strip() for part in re.findall(r"([^{};]+)\{", re.sub(r'"[^"]*"', '""', css)) if not part.strip().startswith("@")]


def quoted(text):
    """Every word that stands in quotes, as class names do in templates, scripts and Python."""
    expressions = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text)
    plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", text)
    return {word for part in (plain, *expressions) for one in re.findall(QUOTED, part) for word in re.findall(r"[A-Za-z_][\w-]*", one)}


QUOTED = r"\"[^\"\n]*\"|'[^'\n]*'"
# Classes that a template puts together: p1 to p4, walk-passed, a-alarm, s-there, at-passed, l-alarm.
MADE = r"p[1-4]|(walk|at|a|s|l)-\w+"


def unused_classes(css, code):
    words = quoted(code)
    classes = {name for one in selectors(css) for name in re.findall(r"\.(-?[A-Za-z_][\w-]*)", one)}
    return sorted(name for name in classes if name not in words and not re.fullmatch(MADE, name))


def test_every_class_of_the_style_is_used_by_a_template_or_a_script():
    assert unused_classes(CSS, read("gateway/page")) == []


def test_a_class_that_nobody_uses_is_found():
    code = """<p class="a{{ ' b' if c }} p{{ d }}">{% set e = "f" %}</p> one.classList.add('g')"""
    assert unused_classes("@media (width) { .a, .b > .z { } } .f .g::after { content: '.h' } .p2 { margin: .5rem }", code) == ["z"]


OPERAND = r"(?:\"[^\"]*\"|'[^']*'|\((?:[^()]|\([^()]*\))*\)|[\w.]+(?:\([^()]*\))?(?:\[[^\]]*\])?(?:\|\w+(?:\([^()]*\))?)*)"


def made(code):
    """What keys are put together of: (pattern) for each `"a." ~ b ~ "_c"` of a template and each f"a.{b}_c" of Python."""
    for chain in re.findall(rf"{OPERAND}(?:\s*~\s*{OPERAND})+", code):
        parts = re.findall(OPERAND, chain)
        yield "".join(re.escape(part[1:-1]) if part[0] in "\"'" else "(.+)" for part in parts)
    for text in re.findall(r"\bf\"([^\"]*\{[^\"]*)\"", code):
        yield "".join("(.+)" if part.startswith("{") else re.escape(part) for part in re.findall(r"\{[^{}]*\}|[^{}]+", text))
    for group in re.findall(r"\bnamed\(\s*[\"']([\w.]+)[\"']", code):
        yield re.escape(group) + r"\.(.+)"
    for text in re.findall(r"(?<!~ )[\"']([a-z_]+\.[\w.]*)[\"'](?!\s*~)", code):  # a group that is handed to who asks
        yield re.escape(text.rstrip(".")) + r"\.(.+)"


def unused_keys(keys, code):
    """Keys that stand nowhere, alone or put together of a known beginning and words of the code."""
    words = {"", *re.findall(r"[\w./-]+", code)} | {word.strip(".") for word in re.findall(r"[\w.]+", code)}
    literal = set(re.findall(r"[\"']([\w.-]+)[\"']", code))
    said = set(re.findall(r"(?:\w(?<!\bget)(?<!\bpop)\(| label=| else )[\"']([a-z]+)[\"']", code))
    by_group = defaultdict(set)  # first word of a key -> patterns that begin with it
    for pattern in made(code):
        if begins := re.match(r"(\w+)\\\.", pattern):
            by_group[begins[1]].add(pattern)

    def known(key):
        if re.fullmatch("[a-z]+", key):  # a word such as "none" means many things
            return key in said
        if key in literal or key.removesuffix("_now") in literal:
            return True
        found = (re.fullmatch(pattern, key) for pattern in by_group[key.partition(".")[0]])
        return any(all(part in words or words.issuperset(part.split(".")) for part in one.groups()) for one in found if one)

    return [key for key in keys if not known(key)]


def test_every_sentence_of_the_page_is_used():
    keys = [key for key in ZH if not key.startswith("room.")]  # all of them are offered
    assert unused_keys(keys, read("gateway", "drivers", "tests/write")) == []


def test_a_sentence_that_nobody_uses_is_found():
    code = (
        """t("a.one") {{ t("b." ~ name ~ "_why") }} v.words(f"c.{what}") words.named("d", x) listed("e.do") "two" 'three' "z" else "y"}"""
    )
    keys = ["y", "a.one", "a.one_now", "b.two_why", "c.three", "d.two", "e.do.three"]
    assert unused_keys([*keys, "a.two", "b.two", "c.four", "z"], code) == ["a.two", "b.two", "c.four", "z"]


# -- one place for type, spaces, corners and colours

COLOUR = r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?)\([^)]*\)|\b(?:white|black|red|green|blue|gr[ae]y|orange|yellow)\b"
SIZE = r"(?<![\w#-])-?(?:\d+\.?\d*|\.\d+)(?:rem|px|vw|vh)\b"
SCALED = r"font(?:-size)?|(?:padding|margin)(?:-\w+)?|(?:row-|column-)?gap|border(?:-\w+)*-radius"


def literals(css):
    """Colours anywhere, and sizes of type, spaces and corners, outside the custom properties; also what a finger needs, in pixels.

    How wide a drawing is and where it stands is its own. Lines are drawn in pixels, a hairline may overlap another; paper has points.
    """
    found = []
    for name, value in re.findall(
        r"([\w-]+)\s*:\s*([^;{}]+)(?=[;}])", re.sub(r'"[^"]*"', '""', re.sub(r"/\*.*?\*/", " ", css, flags=re.DOTALL))
    ):
        if name.startswith("--"):
            continue
        plain = re.sub(r"var\(--[\w-]+\)", "", value)
        found += [(name, one) for one in re.findall(COLOUR, plain)]
        if re.fullmatch(SCALED, name):
            found += [(name, one) for one in re.findall(SIZE, plain) if one not in {"-1px", "0px"}]
        if name in {"min-height", "min-width"}:
            found += [(name, one) for one in re.findall(SIZE, plain) if one.endswith("px")]
    return found


def test_type_spaces_corners_and_colours_stand_among_the_custom_properties_alone():
    assert literals(assets.STYLE) == []


@pytest.mark.parametrize(
    "rule",
    [
        "color: #333",
        "background: rgb(1 2 3 / .5)",
        "border: 1px solid red",
        "font-size: 15px",
        "font: .8rem/1.4 serif",
        "padding: var(--s1) .35rem",
        "margin-left: -.9rem",
        "gap: 4px",
        "border-radius: 5px",
        "min-height: 43px",
    ],
)
def test_a_literal_is_found(rule):
    assert len(literals(f":root {{ --a: #fff; }} .b {{ {rule}; width: 3rem; border-left: 3px solid var(--a); margin-right: auto; }}")) == 1


def test_what_is_used_is_defined_and_what_is_defined_is_used():
    defined, used = set(re.findall(r"(--[\w-]+)\s*:", CSS)), set(re.findall(r"var\((--[\w-]+)\)", CSS))
    assert (used - defined, defined - used) == (set(), set())
    blocks = [
        dict(re.findall(r"(--[\w-]+):\s*([^;]+);", one)) for one in re.findall(r'data-theme="(?:dark|auto)"\]\s*\{(.*?)\}', CSS, re.DOTALL)
    ]
    assert len(blocks) == 2
    assert blocks[0] == blocks[1], "dark by wish and dark by the phone's setting are one"


# -- all of it on one page


async def test_the_shipped_page_has_no_such_address(box):
    browser = await box.technician()
    assert (await browser.get("/style")).status_code == 404
    assert "style.html" not in box.page.environment.list_templates()


async def test_it_uses_no_style_that_is_not_defined_and_shows_what_there_is(box):
    style.mounted(box.app, box.page)
    browser = await box.technician()
    defined = {name for one in selectors(CSS) for name in re.findall(r"\.(-?[A-Za-z_][\w-]*)", one)}
    for lang in ("zh", "en"):
        answer = await browser.get(f"/style?lang={lang}")
        assert answer.status_code == 200
        assert faults(answer.text) == []
        main = answer.text.partition("<main")[2]
        used = {name for one in re.findall(r'class="([^"]*)"', main) for name in one.split()}
        assert used - defined - {"inside", "when", "heard", "missing"} == set()
        assert main.count('class="icon"') >= len(style.ICONS) > 40
        named = {name for name in style.TOKENS if name not in {"base", "bar", "names", "number", "round", "pill", "dark"}}
        shown_ = set(re.findall(r"var\(--([\w-]+)\)", main)) | set(re.findall(r"\b([st][1-8]) · ", main))
        drawn = {n for n in named if not re.match("sheet|shade|r[12]|touch|control|act|on-red", n)}
        assert drawn - shown_ == set(), "a colour, size or space that is defined is shown"
        for what in ("main", 'aria-busy="true"', "notice good", "notice bad", "is-wrong", "glance", "strip", "sorted", "banner red"):
            assert what in main, what


@in_a_browser
async def test_it_is_accessible_by_day_and_by_night(lived, tmp_path):
    made = Box(lived.copy(tmp_path / "mounted"))
    style.mounted(made.app, made.page)
    client = await made.technician()
    http = free_port()
    example = lived.copy(tmp_path / "served", port=free_port(), http=http)
    with Page(example.path, http, tmp_path / "page.log") as served:
        async with chromium() as browser:
            page = await (await browser.new_context(viewport=PHONE)).new_page()
            await entered(page, served.address, example)
            await style.laid(page.context, client)
            for view in (PHONE, DESK):
                await page.set_viewport_size(view)
                for lang, theme in (("zh", "light"), ("en", "dark")):
                    await page.goto(f"{served.address}/style?lang={lang}&theme={theme}")
                    await pictured(page, f"style-{view['width']}-{lang}-{theme}")
                    await is_accessible(page)
                    await is_fit_for_a_finger(page)
                    assert await page.evaluate(BROKEN) == []
    await client.aclose()
