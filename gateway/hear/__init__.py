"""Sensors in: radio, lines, contacts, other brokers, up to readings."""
