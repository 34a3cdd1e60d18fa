"""The QR reader of the page beside an independent writer (segno): every version and level, turned, tilted, in shade and noise, damaged."""

import json
import math
import random
import shutil
import subprocess

import pytest
import segno
from gateway.page import assets

from tests.kit.wait import PATIENCE
from tests.page.test_weight import HERE

WORDS = [*'abcXYZ:{}"-/0189', "é", "中"]


def drawn(code, scale=2, border=4):
    """Return (width, height, grey bytes) of a code."""
    rows = [bytes(0 if dark else 255 for dark in row for _ in range(scale)) for row in code.matrix]
    side = b"\xff" * border * scale
    blank = b"\xff" * (len(rows[0]) + 2 * len(side))
    lines = [blank] * border * scale + [side + row + side for row in rows for _ in range(scale)] + [blank] * border * scale
    return len(blank), len(lines), b"".join(lines)


def photographed(code, rng, turned, tilt, size=200, width=400, height=320):
    """Return a picture of a code on grey ground: turned (radians), tilted, a shadow across it, noise."""
    w, h, grey = drawn(code, 8)
    by = size / w
    cos, sin = math.cos(turned) / by, math.sin(turned) / by
    out = bytearray()
    for y in range(height):
        for x in range(width):
            dx, dy = x - width / 2, y - height / 2
            depth = 1 + tilt[0] * dx + tilt[1] * dy
            u, v = (cos * dx + sin * dy) / depth + w / 2, (-sin * dx + cos * dy) / depth + h / 2
            seen = grey[int(v) * w + int(u)] if 0 <= u < w and 0 <= v < h else 200
            out.append(max(0, min(255, int(seen * (0.4 + 0.6 * x / width) + rng.gauss(0, 6)))))
    return width, height, bytes(out)


@pytest.fixture
def read(tmp_path):
    """Read pictures with the page's own file."""
    reader = shutil.copy(assets.FOLDER / "qr.js", tmp_path / "qr.mjs")

    def reading(pictures):
        asked = []
        for n, (width, height, grey) in enumerate(pictures):
            file = tmp_path / f"{n}.grey"
            file.write_bytes(grey)
            asked.append(json.dumps({"width": width, "height": height, "file": str(file)}))
        done = subprocess.run(
            ["node", HERE / "qr.mjs", reader], input="\n".join(asked), check=False, capture_output=True, text=True, timeout=20 * PATIENCE
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    return reading


def filled(version, level, rng):
    """Return (text, code) of this version and level, under any mask: to choose the best a writer draws all eight."""
    mask = rng.randrange(8)
    text = "".join(rng.choice(WORDS) for _ in range({"L": 10, "M": 8, "Q": 6, "H": 4}[level] + (version - 1) * (version + 6) // 5))
    while True:
        try:
            return text, segno.make(
                text, version=version, error=level, boost_error=False, micro=False, mode="byte", encoding="utf-8", mask=mask
            )
        except segno.DataOverflowError:
            text = text[: len(text) * 9 // 10]


def test_every_version_and_level_is_read(read):
    rng = random.Random(1)
    made = [filled(version, level, rng) for version in range(1, 41) for level in "LMQH"]
    assert read([drawn(code) for _, code in made]) == [text for text, _ in made]


def test_digits_capitals_and_what_is_mixed_are_read(read):
    texts = ["0123456789012", "7", "HELLO-42 $%*+./:", "A4:C1:38:00:53:01", "mqtts://desk.example.org:8883", "浙江 3-2-501"]
    assert read([drawn(segno.make(text, micro=False, encoding="utf-8")) for text in texts]) == texts


def test_a_label_is_read_turned_tilted_and_in_shade(read):
    rng = random.Random(2)
    made, pictures = [], []
    for turn in range(8):
        text = json.dumps({"key": f"{rng.getrandbits(128):032x}", "mac": f"{rng.getrandbits(48):012x}"})
        made.append(text)
        tilt = (rng.uniform(-8e-4, 8e-4), rng.uniform(-8e-4, 8e-4))
        pictures.append(photographed(segno.make(text, error="M", micro=False), rng, turn * math.pi / 4 + rng.uniform(-0.3, 0.3), tilt))
    assert read(pictures) == made


def test_what_is_damaged_is_mended_or_not_read_but_never_read_wrong(read):
    rng = random.Random(3)
    text, code = filled(5, "Q", rng)
    scale, pictures = 3, []
    for spots in (4, 8, 12, 20, 40, 80):
        width, height, grey = drawn(code, scale)
        picture = bytearray(grey)
        for _ in range(spots):
            left, top = rng.randrange(12 * scale, width - 12 * scale), rng.randrange(12 * scale, height - 12 * scale)
            for y in range(top, top + 2 * scale):
                picture[y * width + left : y * width + left + 2 * scale] = bytes([rng.choice((0, 255))]) * 2 * scale
        pictures.append((width, height, bytes(picture)))
    found = read(pictures)
    assert set(found) <= {text, None}
    assert found[0] == text
    assert found[-1] is None


def test_a_picture_without_a_code_is_no_code(read):
    rng = random.Random(4)
    noise = bytes(rng.randrange(256) for _ in range(320 * 240))
    stripes = bytes(255 * (x // 5 % 2) for _ in range(240) for x in range(320))
    assert read([(320, 240, noise), (320, 240, stripes), (320, 240, b"\x80" * 320 * 240), (1, 1, b"\0")]) == [None] * 4
