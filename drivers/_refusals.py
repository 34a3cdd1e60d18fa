"""Why frames are refused, for all makes: one word each, and what a technician should try.

A word is counted under its name and shown. A make with a reason of its own defines it in its own
file.
"""

from __future__ import annotations

from gateway.words.driver import Refusal

# Length
TOO_SHORT = Refusal(
    "too_short", advice="the bytes end before one whole frame: was the recording cut?"
)
TOO_LONG = Refusal("too_long", advice="longer than any frame of this model")
WRONG_LENGTH = Refusal(
    "wrong_length", advice="not as long as the frames of this model: was the recording cut?"
)

# Envelope
_DAMAGED = "a frame with a wrong sum: damaged on the wire, or a wrong baud rate"
NOISE = Refusal(
    "noise", advice="bytes that belong to no frame: another model, or a wrong baud rate"
)
BAD_CHECKSUM = Refusal("bad_checksum", advice=_DAMAGED)
CRC = Refusal("crc", advice=_DAMAGED)
BAD_HEADER = Refusal("bad_header", advice="the frame does not begin as this model's frames do")
BAD_FOOTER = Refusal(
    "bad_footer",
    advice="the frame does not end as this model's frames do: damaged, or bytes were lost",
)
BAD_JSON = Refusal("bad_json", advice="not a JSON object: set the other program's output to json")

# Sender
WRONG_VERSION = Refusal(
    "wrong_version",
    advice="a version of the protocol that this model does not use: not BTHome v2,"
    " or MiBeacon sealed in another way",
)
WRONG_PRODUCT = Refusal(
    "wrong_product",
    advice="the frame is another product's: choose its own model, or the general one",
)
WRONG_ADDRESS = Refusal(
    "wrong_address", advice="the address inside the frame is not the one in mac"
)
MESH = Refusal("mesh", advice="it is part of a mesh and sends nothing by broadcast")

# Key
BINDKEY_REQUIRED = Refusal(
    "bindkey_required", advice="the device encrypts: give its key as 32 hex digits in bindkey"
)
DECRYPT_FAILED = Refusal(
    "decrypt_failed", advice="bindkey or mac do not belong to this device, or the bytes are damaged"
)
DOWNGRADE = Refusal(
    "downgrade",
    advice="a key is given, but this frame is in clear:"
    " leave bindkey out only if the device really does not encrypt",
)

# Content
UNKNOWN_VALUE = Refusal(
    "unknown_value",
    advice="a whole frame with a value that no document knows: send it to the maintainer",
)
TEACH_IN = Refusal(
    "teach_in",
    advice="the sensor introduces itself: its learn button was pressed; no state is in it",
)
UNREACHED = Refusal("offline", advice="the bridge reports that this device cannot be reached")
NO_CONTACT = Refusal(
    "no_contact", advice="the device reports that it does not touch the body: this is no reading"
)
NO_VALUE = Refusal("no_value", advice="the device reports that it has no number: measure again")
UNRELIABLE = Refusal(
    "unreliable", advice="the device itself doubts its value: measure again, sitting still"
)
OUT_OF_RANGE = Refusal(
    "out_of_range", advice="no living adult has such a value: a fault of the measurement"
)
