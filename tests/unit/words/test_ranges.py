"""Numbers that wait for receipts: what ranges cover is found without a look at each of them."""

from gateway.words.ranges import Numbers, merged, within
from hypothesis import given
from hypothesis import strategies as st

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


@given(st.lists(st.integers(0, 60)), st.lists(st.integers(0, 60)), RANGES)
def test_it_is_a_set_in_order(added, gone, ranges):
    numbers, plain = Numbers(), set()
    for n in added:
        numbers.add(n)
        plain.add(n)
    for n in gone:
        numbers.discard(n)
        plain.discard(n)
    whole = merged(ranges)
    assert [*numbers] == sorted(plain)
    assert len(numbers) == len(plain)
    assert all((n in numbers) is (n in plain) for n in range(61))
    assert numbers.covered(whole) == [n for n in sorted(plain) if within(n, whole)]
    assert [*Numbers(added)] == sorted({*added})


def test_a_receipt_for_one_of_twenty_thousand_looks_at_a_few():
    looks = 0

    class Seen(int):
        def __lt__(self, other):
            nonlocal looks
            looks += 1
            return int(self) < int(other)

        def __gt__(self, other):
            nonlocal looks
            looks += 1
            return int(self) > int(other)

    numbers = Numbers(range(20_000))
    for n in range(50):
        assert numbers.covered([(Seen(n * 300), Seen(n * 300))]) == [n * 300]
    assert looks <= 50 * 2 * 16
    looks = 0
    numbers.add(Seen(20_000))
    assert looks <= 1, "what comes last is at hand"
