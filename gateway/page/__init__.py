"""The technician's page: a process of its own that reads files and leaves instructions."""
