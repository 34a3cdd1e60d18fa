"""The machine underneath: durable files, users, systemd, mains power, connections."""
