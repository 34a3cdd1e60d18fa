"""The demonstration: a recorded day of a household, played through a real gateway."""
