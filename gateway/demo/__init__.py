"""The demonstration: a household's recorded day, through a real gateway, broker and call desk.

Run it by `python -m gateway.demo`.
"""
