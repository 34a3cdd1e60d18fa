"""Edge gateway for remote elder monitoring: danger -> alarm -> data push -> dispatch."""

__version__ = "0.2.0"
