"""An installation stays within its taps, typed fields and page loads, in a real browser against the real daemon."""

from tests.page.taps import counted, fit, table

MOST = (40, 5, 40)  # taps, fields, loads


async def test_a_home_with_three_sensors_is_installed_within_its_taps(tmp_path):
    thumb = await counted(tmp_path, fit)
    assert all(had <= most for had, most in zip(thumb.sums, MOST, strict=True)), f"\n{table(thumb)}"
