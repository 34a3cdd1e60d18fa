"""The twelve promises, proved on real parts: `make prove`, and `make prove SHORT=1` in a few minutes.

Every module here that has a list `PROOFS` is found and run. A proof is a function that does something cruel to the real gateway, some
number of times, and returns what it saw as a `Row`; what must hold it checks itself and raises AssertionError where it does not.

    async def killed_at_random(short: bool, folder: Path, seed: int) -> Row
        '''kill -9 at random moments in a stream of presses.'''      the first line is what the table prints as the fault

    PROOFS = [killed_at_random]

`short` asks for the bounded run that is part of `make test`; `folder` is empty and belongs to the proof alone; every random choice comes
from `seed`, which is printed. Coroutines are run in an event loop of their own. A proof of several faults at once returns a list of Rows.
"""
