"""What a page that is open does with each answer of the box, by its own file under Node.js with a clock of its own."""

import json
import shutil
import subprocess

import pytest
from gateway.page import assets

from tests.kit.wait import PATIENCE
from tests.page.test_weight import HERE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page's files, for Node.js."""
    made = shutil.copytree(assets.FOLDER, tmp_path_factory.mktemp("files") / "static")
    (made / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return made


def asks(folder, answers, until=40_000, state=None):
    """Return ([when it asked, ms], [what happened], state of the page in the browser's history)."""
    told = json.dumps({"answers": answers, "until": until, "state": state})
    done = subprocess.run(
        ["node", HERE / "part.mjs", folder], input=told, check=False, capture_output=True, text=True, timeout=20 * PATIENCE
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    return [at for at, what in said["happened"] if what == "ask"], [what for _, what in said["happened"]], said["state"]


@pytest.mark.parametrize("no", [429, 500, 502, 503, 404, "away"])
def test_an_answer_without_the_part_is_none_and_is_asked_for_again_later_each_time(folder, no):
    when, what, _ = asks(folder, [no, no, no, no, no, no, 200], until=60_000)
    assert when == [0, 1000, 3000, 7000, 15_000, 25_000, 35_000]
    assert what == ["ask", "missed"] * 6 + ["ask", "came", "news"]


@pytest.mark.parametrize(("after", "again"), [(5, 5000), (3600, 10_000), ("Wed, 21 Oct 2026 07:28:00 GMT", 1000)])
def test_a_box_that_says_how_long_it_has_too_much_to_do_is_left_alone_for_some_seconds_at_most(folder, after, again):
    when, what, _ = asks(folder, [[429, str(after)], 200])
    assert when == [0, again]
    assert what == ["ask", "missed", "ask", "came", "news"]


@pytest.mark.parametrize("no", [401, 403, "moved"])
def test_somebody_else_who_is_signed_in_is_shown_their_page_once(folder, no):
    when, what, state = asks(folder, [no])
    assert (when, what, state) == ([0], ["ask", "reload"], {"anew": True})
    when, what, state = asks(folder, [no, no, 200], state=state)
    assert when == [0, 1000, 3000], "loaded anew already: it asks as after any other answer, and shows nothing of what came"
    assert what == ["ask", "missed", "ask", "missed", "ask", "came", "news"]
    assert state is None, "and may be loaded anew at a later time"
