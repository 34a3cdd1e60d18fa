"""From danger to alarm to dispatch: what is heard goes in, numbered entries come out. Pure."""
