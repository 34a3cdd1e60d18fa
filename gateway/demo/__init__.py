"""A household's recorded day, played through a real gateway, a real broker and a call desk: `python -m gateway.demo`."""
