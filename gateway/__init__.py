"""Edge gateway for remote elder monitoring: danger -> alarm -> data push -> dispatch, judged in the home."""

__version__ = "0.2.0"
