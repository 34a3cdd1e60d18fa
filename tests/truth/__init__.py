"""Residents' years in simulated time, and what the rules of silence make of them: `python -m tests.truth`, docs/truth.md."""
