"""The machine underneath: files that outlast a power cut, users, systemd, mains, connections."""
