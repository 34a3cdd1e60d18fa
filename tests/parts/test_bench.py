"""The measuring harness itself, in its smallest round: it runs through, and what goes in comes out. No time is judged."""

from tests.bench import decode
from tests.bench.bench import SMALLEST, measure


def test_smallest_round_loses_nothing(capsys):
    bench = measure(SMALLEST, ("outage", "returns", "mix", "pressed", "starts", "people"))  # raises Loss
    rows = {row.what: row for row in bench.table.rows}
    assert rows["messages per press sent 4 times"].gateway == "1.00"
    assert rows["readings told per reading sent 4 times"].gateway == "1.00"
    assert float(rows["first delivery after the broker is back, s"].gateway) >= 0.0
    assert float(rows["CPU ms per press, 100/s"].floor.split()[0]) > 0
    assert rows["starts that heard"].gateway == "1 of 1"
    assert float(rows["SOS to the siren's child, platform dead, p50 ms"].gateway) > 0
    bench.table.print()
    assert "lost of 50 after broker away and kill -9" in capsys.readouterr().out


def test_adverts_are_read_by_every_decoder_that_is_timed(monkeypatch, capsys):
    monkeypatch.setattr(decode, "ROUNDS", 1)
    decode.report()  # raises where a decoder does not read its frames
    assert capsys.readouterr().out.count("driver") == 4
