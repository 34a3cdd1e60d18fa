"""What every page costs a phone: bytes on the wire by the browser's own count, files that are kept for good, and nothing too new for 2017."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gateway.page import assets

from tests.kit.wait import PATIENCE
from tests.page.served import in_a_browser
from tests.page.weight import MOST, opened, weighed
from tests.write.screenshots import PAGES

HERE = Path(__file__).parent
TOOLS = Path(sys.prefix) / "contract"
CHROME = 70  # of October 2018: what a phone of 2017 that nobody has updated for long has


def findings(folder, tmp_path):
    """Return what a browser of that time does not understand in a folder's scripts and styles."""
    assert (TOOLS / "node_modules" / "css-tree").is_dir(), "the tools of npm are not here, run: make .venv/.contract"
    tool = shutil.copy(HERE / "phones.mjs", tmp_path)
    done = subprocess.run(
        ["node", tool, str(CHROME), str(folder)], check=False, cwd=TOOLS, capture_output=True, text=True, timeout=20 * PATIENCE
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_a_phone_of_2017_understands_every_script_and_style(tmp_path):
    assert findings(assets.FOLDER, tmp_path) == []


TOO_NEW = [
    ("js", "const a = document.body?.id;", "newer than ES2019"),
    ("js", "const a = location.hash ?? 1;", "newer than ES2019"),
    ("js", "class A { #own = 1; }", "newer than ES2019"),
    ("js", "[1].at(0);", "Array.at"),
    ("js", "document.body.replaceChildren();", "ParentNode.replaceChildren"),
    ("js", "AbortSignal.timeout(5);", "AbortSignal.timeout"),
    ("js", "structuredClone({});", "structuredClone"),
    ("js", "document.querySelector('form').requestSubmit();", "requestSubmit"),
    ("css", ".a { inset: 0; }", "inset"),
    ("css", ".a { aspect-ratio: 1; }", "aspect-ratio"),
    ("css", ".a { width: min(1px, 2vw); }", "width: min"),
    ("css", ".a { width: clamp(1px, 2vw, 3px); }", "width: clamp"),
    ("css", ".a { display: flex; gap: 1px; }", "gap without grid"),
    ("css", ".a:has(b) { color: red; }", ":has"),
    ("css", ":is(a, b) { color: red; }", ":is"),
    ("css", "@layer a { .a { color: red; } }", "@layer"),
    ("css", "@container (width > 1px) { .a { color: red; } }", "@container"),
    ("css", "@media (hover: hover) and (width > 1px) { .a { color: red; } }", "(width"),
    ("css", ".a { colour: red; }", "unknown property"),
]
FALLBACKS = {
    "css": ".a { width: 1px; width: min(1px, 2vw); }\n@supports (inset: 0) { .a { inset: 0; } }\n.b { display: grid; gap: 1px; }\n"
    ".c { display: flex; gap: 1px; }\n@supports not (aspect-ratio: 1) { .c > * { margin: 1px; } }\n",
    "js": "const a = { ...{} };\nif (navigator.share) navigator.share({});\n",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the tool says of each file of these examples: they are read in one run, for it takes seconds to begin."""
    folder = tmp_path_factory.mktemp("files")
    for n, (kind, text, _) in enumerate(TOO_NEW):
        (folder / f"{n}.{kind}").write_text(text + "\n", encoding="utf-8")
    for kind, text in FALLBACKS.items():
        (folder / f"fallback.{kind}").write_text(text, encoding="utf-8")
    lines = findings(folder, tmp_path_factory.mktemp("tool"))
    return {path.name: [line for line in lines if line.startswith(f"{path.name}:")] for path in folder.iterdir()}


@pytest.mark.parametrize("n", range(len(TOO_NEW)), ids=[f"{text}-{told}" for _, text, told in TOO_NEW])
def test_the_tool_finds_what_is_too_new(n, found):
    kind, _, told = TOO_NEW[n]
    assert len(found[f"{n}.{kind}"]) >= 1
    assert told in found[f"{n}.{kind}"][0]


def test_the_tool_takes_a_fallback_and_what_only_who_knows_it_reads(found):
    assert [found[f"fallback.{kind}"] for kind in FALLBACKS] == [[], []]


@in_a_browser
async def test_no_page_weighs_more_than_it_may_the_first_time(lived, tmp_path):
    async with opened(lived, tmp_path) as (address, browser, state):
        urls = [address + path for path in PAGES]
        found = {url: sizes async for url, sizes in weighed(browser, state, urls)}
    assert list(found) == urls
    for url, sizes in found.items():
        assert sum(size for _, size in sizes) <= MOST, (url, sizes)
        assert len(sizes) >= 3, (url, sizes)


async def test_files_are_kept_for_good_and_their_address_changes_with_them(box):
    browser = await box.technician()
    page = (await browser.get("/")).text
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(found) >= 3
    for path in found:
        answer = await browser.get(path)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" not in (await browser.get(f"/static/{path.rpartition('/')[2]}")).headers["cache-control"]
    old = await browser.get("/static/0123456789ab/page.css")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache"), "a page from before an update still has its style"
    plain = await browser.get(found[0], headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(plain.content) == int(plain.headers["content-length"])
    assert (await browser.get("/static/none.js")).status_code == 404


async def test_who_comes_first_has_the_style_in_the_page_and_later_from_a_file(box):
    browser = box.browser()
    first = await browser.get("/first")
    assert assets.STYLE in first.text
    assert f"'sha256-{assets.STYLE_DIGEST}'" in first.headers["content-security-policy"]
    second = await browser.get("/first")
    assert "<style>" not in second.text
    assert f'<link rel="stylesheet" href="/static/{assets.VERSION}/page.css">' in second.text


async def test_pages_are_sent_compressed(box):
    browser = await box.technician()
    async with browser.stream("GET", "/") as answer:
        packed = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < 12_000
