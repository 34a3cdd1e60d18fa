"""Alarms out: the platform, programs that sound and call."""
