"""Whether the box has mains, where it can know.

The kernel's power supplies tell it (a UPS board with a driver), or a file that says so. A box
without a battery goes out with its mains: it has nobody to ask and nothing to tell. Then the answer
is None.
"""

from __future__ import annotations

from pathlib import Path

KERNEL = Path("/sys/class/power_supply")
_YES, _NO = (
    frozenset({"1", "on", "online", "ol", "yes", "true"}),
    frozenset({"0", "off", "offline", "ob", "no", "false"}),
)
_STORES = frozenset({"battery", "ups"})
LARGEST = 200  # bytes of such a file that are read


def read(where: str, kernel: Path = KERNEL) -> bool | None:
    """Return whether the mains are there, None where nobody knows.

    `where`: "auto" asks the kernel, "" nobody, else a file.
    """
    if not where:
        return None
    if where != "auto":
        return _said(_text(Path(where)))
    try:
        # a mouse's battery is not ours
        supplies = [p for p in sorted(kernel.iterdir()) if _text(p / "scope") != "device"]
    except OSError:
        return None
    kinds = {p: _text(p / "type") for p in supplies}
    stores = [p for p in supplies if kinds[p] in _STORES and _text(p / "present") != "0"]
    if not stores:
        return None
    fed = [
        on
        for p in supplies
        if kinds[p] not in _STORES and (on := _said(_text(p / "online"))) is not None
    ]
    if fed:
        return any(fed)
    said = {_text(p / "status") for p in stores}
    return None if said <= {"", "unknown"} else "discharging" not in said


def _text(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return file.read(LARGEST).strip().lower()
    except OSError:
        return ""


def _said(text: str) -> bool | None:
    word = text.split(maxsplit=1)[0] if text else ""
    return True if word in _YES else False if word in _NO else None
