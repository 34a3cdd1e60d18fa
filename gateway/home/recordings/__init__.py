"""Recordings of homes in published text formats, read as readings: `FORMATS` names them."""
