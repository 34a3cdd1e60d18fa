"""Measurements: the gateway beside the floor, in one run."""
