"""The daemon itself: what puts the parts together, decides each turn, and looks after the box."""
