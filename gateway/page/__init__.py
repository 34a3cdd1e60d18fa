"""The technician's page: a process of its own that reads what the daemon wrote down and changes things only by instructions."""
