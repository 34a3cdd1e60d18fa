"""The household: its configuration, and the files that daemon and page share."""
