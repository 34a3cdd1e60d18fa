"""Tests of gateway/hook."""
