"""Ranges that have a receipt wait for their commit: each number once, so many in a commit, none of a journal that is given up."""

from gateway.tell.receipts import A_COMMIT, BATCHES, Receipts


def test_ranges_are_put_together_and_handed_over_once():
    receipts = Receipts()
    receipts.add(entries=[(1, 3)], batches=[(9, 9)])
    receipts.add(entries=[(2, 5)])
    assert (bool(receipts), receipts.take(), receipts.take(), bool(receipts)) == (True, [(1, 5)], [], False)
    assert (receipts.take_batches(), receipts.take_batches()) == ([(9, 9)], [])


def test_what_does_not_go_into_one_commit_goes_into_the_next():
    receipts = Receipts()
    apart = [(2 * n, 2 * n) for n in range(A_COMMIT + 1)]
    receipts.add(entries=apart[:-2])
    assert not receipts.full
    receipts.add(entries=apart)
    assert receipts.full
    assert (receipts.take(), receipts.full, receipts.take()) == (apart[:-1], False, apart[-1:])


def test_the_oldest_batches_fall_out_and_are_sent_again():
    receipts = Receipts()
    receipts.add(batches=[(2 * n, 2 * n) for n in range(BATCHES + 1)])
    assert receipts.take_batches()[0] == (2, 2)


def test_entries_of_a_journal_that_is_given_up_are_forgotten():
    receipts = Receipts()
    receipts.add(entries=[(1, 1)], batches=[(4, 4)])
    receipts.forget()
    assert (receipts.take(), receipts.take_batches()) == ([], [(4, 4)])
