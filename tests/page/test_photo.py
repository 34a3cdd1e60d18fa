"""A photograph of where a device hangs: small, without its place and time, in the box alone, and gone with its device."""

import asyncio
import base64
import html
import io
import json
import secrets
import stat
import zipfile

import pytest
from gateway.home import backup
from gateway.page import hangs, jpeg, photos
from gateway.page.en import EN
from msgspec.structs import replace

from tests.kit.ports import free_port
from tests.page.conftest import form_key, post
from tests.page.household import DEVICES
from tests.page.served import Page, becomes, chromium, in_a_browser
from tests.page.test_attacks import BOUNDARY, multipart
from tests.page.test_browser import is_accessible, is_fit_for_a_finger
from tests.page.test_roles_browser import PHONE, entered, pictured

GPS = b"Exif\0\0MM\0*GPSLatitude 30.2741 GPSLongitude 120.1551 2026:05:04 08:30:00"


def part(marker, content):
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def frame(wide=64, high=48, marker=0xC0, numbers=(1, 2, 3)):
    return part(marker, bytes((8, *high.to_bytes(2), *wide.to_bytes(2), len(numbers))) + b"".join(bytes((n, 0x11, 0)) for n in numbers))


TABLE = part(0xDB, bytes(65))
CODES = part(0xC4, bytes((0, 1, *bytes(15), 7)))
SCAN = part(0xDA, bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0))) + bytes(range(200)) + b"\xff\x00\xff\xd0\x01"
START, END = b"\xff\xd8", b"\xff\xd9"
PLAIN = START + TABLE + frame() + CODES + SCAN + END


# -- the reader


def test_all_that_is_not_the_picture_is_left_out():
    told = (
        *(part(0xE0 + n, GPS + bytes((n,)) * 3000) for n in range(16)),
        part(0xFE, b"taken at home"),
        b"\xff\xff\xff" + part(0xE1, GPS)[1:],
    )
    for n in range(4):
        pieces = [START, TABLE, frame(), CODES, SCAN, END]
        pieces.insert(n + 1, b"".join(told))
        made = jpeg.stripped(b"".join(pieces) + b"MotionPhoto" + GPS)
        assert made == PLAIN
    assert jpeg.stripped(PLAIN) == PLAIN


def test_pictures_of_every_sort_that_phones_make_are_taken():
    grey = START + TABLE + frame(numbers=(1,)) + CODES + part(0xDA, bytes((1, 1, 0, 0, 63, 0))) + b"\x12\x34" + END
    progressive = START + TABLE + frame(marker=0xC2) + CODES + part(0xDA, bytes((1, 2, 0, 1, 5, 0))) + b"\x01" + CODES + SCAN + END
    restarts = START + TABLE + part(0xDD, b"\0\x08") + frame() + CODES + SCAN + END
    wide = START + part(0xDB, b"\x10" + bytes(128) + b"\x01" + bytes(64)) + frame(1280, 2) + CODES + SCAN + END
    for one in (grey, progressive, restarts, wide):
        assert jpeg.stripped(one) == one


HOSTILE = {
    "nothing": (b"", "photo.not_jpeg"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "photo.not_jpeg"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "photo.not_jpeg"),
    "html after the start": (START + b"<script>alert(1)</script>" + END, "photo.broken"),
    "no picture": (START + END, "photo.broken"),
    "no scan": (START + TABLE + frame() + END, "photo.broken"),
    "a scan before its frame": (START + SCAN + frame() + END, "photo.broken"),
    "two frames": (START + frame() + frame() + SCAN + END, "photo.broken"),
    "too wide": (START + TABLE + frame(1281, 48) + SCAN + END, "photo.large"),
    "too high": (START + TABLE + frame(48, 65535) + SCAN + END, "photo.large"),
    "no height": (START + TABLE + frame(48, 0) + SCAN + END, "photo.broken"),
    "two components": (START + frame(numbers=(1, 2)) + SCAN + END, "photo.broken"),
    "one component twice": (START + frame(numbers=(1, 1, 3)) + SCAN + END, "photo.broken"),
    "four components": (START + frame(numbers=(1, 2, 3, 4)) + SCAN + END, "photo.broken"),
    "arithmetic codes": (START + frame(marker=0xC9) + SCAN + END, "photo.broken"),
    "lossless": (START + frame(marker=0xC3) + SCAN + END, "photo.broken"),
    "a hidden segment": (START + TABLE + frame() + part(0xF0, GPS) + SCAN + END, "photo.broken"),
    "a table with a tail": (START + part(0xDB, bytes(65) + GPS) + frame() + SCAN + END, "photo.broken"),
    "codes with a tail": (START + frame() + part(0xC4, bytes(17) + GPS) + SCAN + END, "photo.broken"),
    "codes without end": (START + frame() + part(0xC4, bytes((0, *[255] * 16))) + SCAN + END, "photo.broken"),
    "an empty table": (START + part(0xDB, b"") + frame() + SCAN + END, "photo.broken"),
    "a frame with a tail": (START + part(0xC0, frame()[4:] + GPS) + SCAN + END, "photo.broken"),
    "a scan of others": (START + frame() + part(0xDA, bytes((1, 9, 0, 0, 63, 0))) + b"\1" + END, "photo.broken"),
    "a scan of nothing": (START + frame() + part(0xDA, bytes((0, 0, 63, 0))) + b"\1" + END, "photo.broken"),
    "a scan without data": (START + frame() + part(0xDA, bytes((1, 1, 0, 0, 63, 0))) + END, "photo.broken"),
    "an empty scan": (START + frame() + part(0xDA, b"") + b"\1" + END, "photo.broken"),
    "a length of nothing": (START + b"\xff\xe1\0\0" + frame() + SCAN + END, "photo.broken"),
    "a length of one": (START + b"\xff\xe1\0\1" + frame() + SCAN + END, "photo.broken"),
    "a length beyond the end": (START + frame() + b"\xff\xe1\xff\xff" + SCAN + END, "photo.broken"),
    "fill bytes alone": (START + b"\xff" * 90_000, "photo.broken"),
    "nothing but segments": (START + part(0xE1, b"") * 20_000, "photo.broken"),
    "many scans": (START + TABLE + frame() + CODES + SCAN * (jpeg.SCANS + 1) + END, "photo.broken"),
    "noise in the coded data": (START + frame() + SCAN[:-5] + b"\xff\x5a" + SCAN + END, "photo.broken"),
    "more than is kept": (START + TABLE + frame() + CODES + SCAN + bytes(jpeg.LARGEST) + END, "photo.large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_no_sound_picture_is_refused_with_a_reason(name):
    data, word = HOSTILE[name]
    with pytest.raises(jpeg.Unfit) as no:
        jpeg.stripped(data)
    assert no.value.word == word
    assert word in EN


def test_every_cut_and_every_flipped_bit_is_answered():
    whole = START + part(0xE1, GPS) + PLAIN[2:]

    def tried(data):
        try:
            made = jpeg.stripped(data)
        except jpeg.Unfit:
            return
        assert len(made) <= jpeg.LARGEST
        assert jpeg.stripped(made) == made, "what is kept is kept again as it is"
        assert b"GPSLatitude" not in made

    for n in range(len(whole) - 1):
        with pytest.raises(jpeg.Unfit):
            jpeg.stripped(whole[:n])
        for bit in range(8):
            tried(whole[:n] + bytes((whole[n] ^ 1 << bit,)) + whole[n + 1 :])


# -- what is kept


@pytest.fixture
def home(example):
    """The example with its first two devices enrolled in its configuration."""
    example.path.write_text(example.path.read_text(encoding="utf-8") + DEVICES, encoding="utf-8")
    return example


def enclosed(key, data):
    return multipart([(b"key", key.encode()), (b"once", secrets.token_hex(12).encode()), (b"file", data)])


async def sent(browser, data, device="pendant", **more):
    key = await form_key(browser, f"/devices/{device}") if "key" not in more else more["key"]
    return await browser.post(f"/sensors/photo?device={device}", content=enclosed(key, data), headers=BOUNDARY)


async def test_a_photograph_is_kept_without_its_place_and_shown_to_technicians_alone(home, box):
    technician = await box.technician()
    assert "<img" not in (await technician.get("/devices/pendant")).text
    answer = await sent(technician, START + part(0xE1, GPS) + PLAIN[2:])
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices/pendant?photo=kept")
    folder = home.config.page_folder / photos.FOLDER
    [file] = folder.iterdir()
    assert file.read_bytes() == PLAIN
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(folder.stat().st_mode)) == (0o600, 0o700)
    text = (await technician.get("/devices/pendant")).text
    at = text.partition('<img class="photo" src="')[2].partition('"')[0]
    shown = await technician.get(at)
    assert (shown.content, shown.headers["content-type"]) == (PLAIN, "image/jpeg")
    assert "no-store" in shown.headers["cache-control"]
    assert "<img" in (await technician.get("/certificate/1")).text
    supervisor = await box.supervisor(technician)
    assert (await supervisor.get(at)).status_code == 403
    assert "<img" not in (await supervisor.get("/certificate/1")).text
    key = await form_key(supervisor, "/box")
    assert (await sent(supervisor, PLAIN, key=key)).status_code == 403
    assert (await supervisor.post("/sensors/photo/remove", data={"key": key, "device": "pendant"})).status_code == 403
    assert (await box.browser("192.168.1.99").get(at)).status_code in {303, 401}
    assert file.exists()
    assert (await post(technician, "/devices/pendant", "/sensors/photo/remove", device="pendant")).status_code == 303
    assert not list(folder.iterdir())
    assert "<img" not in (await technician.get("/devices/pendant")).text
    book = (await technician.get("/journal?what=visits&lang=en")).text
    assert EN["visit.photo_kept"] in book
    assert EN["visit.photo_removed"] in book


async def test_the_way_there_stands_among_all_devices(home, box):
    technician = await box.technician()
    assert 'href="/devices/pendant"' in (await technician.get("/sensors")).text
    assert 'id="photo"' in (await technician.get("/devices/pendant")).text


async def test_it_leaves_the_box_by_no_way(home, box):
    technician = await box.technician()
    assert (await sent(technician, PLAIN)).status_code == 303
    piece = SCAN[20:60]
    bundle = (await technician.get("/diagnostics.zip")).content
    with zipfile.ZipFile(io.BytesIO(bundle)) as files:
        assert not [n for n in files.namelist() if piece in files.read(n) or "photo" in n]
    assert not (home.config.page_folder / "inbox.db").exists(), "no instruction says anything of it"
    for file in ("gateway.db", "history.db"):
        assert piece not in (home.config.state / file).read_bytes()
    sealed = backup.made(home.config, "example-home", "tea hill rain bamboo", "1", "2026-05-04T00:00:00Z")
    kept = backup.opened(sealed, "tea hill rain bamboo")
    assert base64.b64encode(PLAIN).decode()[40:80] not in repr(kept)
    assert len(sealed) < len(PLAIN) + 50_000


async def test_what_is_not_taken_is_said_and_the_one_before_stays(home, box, monkeypatch):
    technician = await box.technician()
    assert (await sent(technician, PLAIN)).status_code == 303
    large = START + TABLE + frame() + CODES + SCAN + bytes(jpeg.LARGEST) + END
    for data, status, word in (
        (b"", 422, "wrong.missing"),
        (b"GIF89a" + bytes(99), 422, "photo.not_jpeg"),
        (PLAIN[:-9], 422, "photo.broken"),
        (large, 413, "photo.large"),
        (PLAIN + bytes(120_000), 413, "photo.large"),
    ):
        key = await form_key(technician, "/devices/pendant")
        body = multipart([(b"key", key.encode()), (b"file", data)])
        answer = await technician.post("/sensors/photo?device=pendant&lang=en", content=body, headers=BOUNDARY)
        assert answer.status_code == status, word
        told = EN[word].format(most=photos.MOST, size=60, side=1280)
        assert told in html.unescape(answer.text), word
        assert photos.picture(home.config.page_folder, "pendant") == PLAIN
    monkeypatch.setattr(photos, "MOST", 1)
    key = await form_key(technician, "/devices/front-door")
    answer = await technician.post(
        "/sensors/photo?device=front-door&lang=en", content=multipart([(b"key", key.encode()), (b"file", PLAIN)]), headers=BOUNDARY
    )
    assert (answer.status_code, EN["photo.full"].format(most=1) in answer.text) == (409, True)
    assert (await sent(technician, PLAIN)).status_code == 303, "one may take the place of its own"
    for device in ("nobody", "", "../gateway", "hall-motion"):
        key = await form_key(technician, "/devices/pendant")
        assert (await sent(technician, PLAIN, device, key=key)).status_code == 404, device
    assert (await sent(technician, PLAIN, key="0" * 64)).status_code == 403
    assert len(list((home.config.page_folder / photos.FOLDER).iterdir())) == 1


async def test_a_photograph_goes_with_its_device_once_that_comes_back_no_more(home, box, monkeypatch):
    technician = await box.technician()
    for device in ("pendant", "front-door"):
        assert (await sent(technician, PLAIN, device)).status_code == 303
    folder = home.config.page_folder
    hangs.tidied(box.page)
    assert photos.taken(folder, "pendant") is not None
    home.path.write_text(home.path.read_text(encoding="utf-8").partition('[[device]]\nid = "pendant"')[0] + "", encoding="utf-8")
    assert box.page.known.status().well
    now = box.page.known.now(box.page.known.status())
    monkeypatch.setattr(hangs, "offered", lambda _config, _models, at: type("Offer", (), {"what": "retired"}) if at >= now else None)
    hangs.tidied(box.page)
    assert photos.taken(folder, "pendant") is not None, "an undo would bring it back"
    monkeypatch.setattr(hangs, "offered", lambda *_: None)
    broken = hangs.present
    monkeypatch.setattr(hangs, "present", lambda page: replace(broken(page), trouble="torn"))
    hangs.tidied(box.page)
    assert photos.taken(folder, "pendant") is not None, "a household that cannot be read takes nothing away"
    monkeypatch.setattr(hangs, "present", broken)
    hangs.tidied(box.page)
    assert (photos.taken(folder, "pendant"), photos.taken(folder, "front-door")) == (None, None)
    assert not list((folder / photos.FOLDER).iterdir())


def test_days_are_counted_by_a_clock_that_is_sure_alone(tmp_path):
    day, now = photos.DAY, 1_800_000_000.0
    photos.keep(tmp_path, "old", PLAIN, now - 731 * day)
    photos.keep(tmp_path, "new", PLAIN, now - 729 * day)
    photos.keep(tmp_path, "undated", PLAIN, photos.UNDATED)
    every = ("old", "new", "undated")
    photos.tidied(tmp_path, every, photos.UNDATED, 730, gone=True)
    assert [photos.taken(tmp_path, one) for one in every] == [now - 731 * day, now - 729 * day, photos.UNDATED]
    photos.tidied(tmp_path, every, now, 730, gone=True)
    assert [photos.taken(tmp_path, one) for one in every] == [None, now - 729 * day, now], "it has its date from now on"
    (tmp_path / photos.FOLDER / ".half.jpg").write_bytes(b"cut off by the mains")
    photos.tidied(tmp_path, every, now, 730, gone=True)
    assert len(list((tmp_path / photos.FOLDER).iterdir())) == 2
    photos.tidied(tmp_path / "none", every, now, 730, gone=True)


# -- on a phone

LARGE = """() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2400, 1800];
  const on = canvas.getContext("2d");
  for (let n = 0; n < 4000; n++) {
    on.fillStyle = `hsl(${(n * 37) % 360} 60% ${20 + (n % 60)}%)`;
    on.fillRect((n * 193) % 2400, (n * 379) % 1800, 90, 60);
  }
  return canvas.toDataURL("image/jpeg", 0.95);
}"""


async def unreadable_and_slow(page, file):
    """What the phone cannot open is let go of and said; while it makes one small, nothing can be sent, and the last chosen stays."""
    heic = {"name": "IMG_0002.HEIC", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic" + bytes(2000)}
    await page.set_input_files("#photo-file", heic)
    await becomes(page, "(said) => document.querySelector('#photo-say').textContent === said", EN["photo.cannot"])
    assert await page.evaluate("document.querySelector('#photo-file').files.length") == 0
    await page.evaluate("""() => {
      window.quick = window.createImageBitmap;
      window.opened = [];
      window.createImageBitmap = (file) => new Promise((done) => window.opened.push(() => window.quick(file).then(done)));
    }""")
    await page.set_input_files("#photo-file", file)
    await becomes(page, "() => window.opened.length === 1")
    assert await page.locator("#photo-form button").is_disabled()
    assert await page.inner_text("#photo-say") == EN["works"]
    await page.set_input_files("#photo-file", heic)  # chosen after it, and failed before it
    await becomes(page, "() => window.opened.length === 2")
    await page.evaluate("window.opened[0]()")
    await page.evaluate("() => { window.createImageBitmap = window.quick; }")
    assert await page.inner_text("#photo-say") == EN["works"]
    assert await page.evaluate("document.querySelector('#photo-file').files[0].name") == "IMG_0002.HEIC"


@in_a_browser
async def test_a_phone_makes_it_small_and_takes_its_place_off(lived, tmp_path):
    http = free_port()
    example = await asyncio.to_thread(lived.copy, tmp_path, port=free_port(), http=http)
    example.path.write_text(example.path.read_text(encoding="utf-8") + DEVICES, encoding="utf-8")
    with Page(example.path, http, tmp_path / "page.log") as served:
        async with chromium() as browser:
            context = await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
            page = await context.new_page()
            await entered(page, served.address, example)
            taken = base64.b64decode((await page.evaluate(LARGE)).partition(",")[2])
            assert len(taken) > 4 * jpeg.LARGEST
            file = {"name": "IMG_0001.jpg", "mimeType": "image/jpeg", "buffer": taken[:2] + part(0xE1, GPS) + taken[2:]}
            await page.goto(f"{served.address}/devices/pendant?lang=en")
            await unreadable_and_slow(page, file)
            await page.set_input_files("#photo-file", file)
            await becomes(page, "() => !document.querySelector('#photo-new').hidden")
            assert await page.inner_text("#photo-say") == EN["photo.ready"]
            await is_accessible(page)
            async with page.expect_navigation():
                await page.click("#photo-form button")
            assert "photo=kept" in page.url
            assert (
                await page.evaluate(
                    "document.querySelector('img.photo').decode().then(() => document.querySelector('img.photo').naturalWidth)"
                )
                == 640
            )
            kept = photos.picture(example.config.page_folder, "pendant")
            assert len(kept) <= jpeg.LARGEST
            assert kept[2:4] != b"\xff\xe0"
            assert b"GPS" not in kept
            assert b"Exif" not in kept
            for lang, theme in (("zh", "light"), ("en", "dark")):
                await page.goto(f"{served.address}/devices/pendant?lang={lang}&theme={theme}")
                await page.locator("#photo").scroll_into_view_if_needed()
                await pictured(page, f"photo-{lang}-{theme}")
                await is_accessible(page)
                await is_fit_for_a_finger(page)
            await page.goto(f"{served.address}/certificate/1?theme=dark")
            await page.emulate_media(media="print")
            await pictured(page, "photo-sheet")
            assert await page.locator(".photos img").count() == 1
            assert json.dumps(await page.evaluate("localStorage.length ? JSON.stringify(localStorage) : ''")).count("photo") == 0
            bare = await browser.new_context(viewport=PHONE, java_script_enabled=False, storage_state=await context.storage_state())
            plain = await bare.new_page()
            await plain.goto(f"{served.address}/devices/front-door?lang=en")
            assert EN["photo.plain"].format(size=60) in await plain.inner_text("#photo")
            for data, said in ((taken, EN["photo.large"].partition("{")[0]), (kept, EN["saved"])):
                await plain.set_input_files("#photo-file", file | {"buffer": data})
                async with plain.expect_navigation():
                    await plain.click("#photo-form button")
                assert said in await plain.inner_text("main"), said
            assert photos.picture(example.config.page_folder, "front-door") == kept
