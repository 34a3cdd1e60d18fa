"""How the platform is reached: by a broker, or by an address that takes HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from gateway.home.devices import is_host
from gateway.home.parts import HomePlatform, PlatformPart
from gateway.home.values import SetPlatform
from gateway.hook import targets
from gateway.words.say import Say


def placed(platform: PlatformPart | None) -> PlatformPart | None:
    """Return a platform with the host, port and TLS that its address says, if it has one."""
    if platform is None or not platform.url:
        return platform
    host, port, tls = targets.place_of(platform.url)
    return replace(platform, host=host, port=port, tls=tls)


def alike(platform: PlatformPart | None, to: SetPlatform) -> bool:
    """Say whether a change leads to the host and port of the platform in force."""
    if platform is None:
        return False
    there = targets.place_of(to.url)[:2] if to.url else (to.host, to.port)
    return (platform.host, platform.port) == there


def wrong(platform: PlatformPart | None, key: str | None) -> Iterator[tuple[str, Say]]:
    """Yield what is wrong with it: the field, and what to do. `key` None: it is not known here."""
    if platform is None:
        return
    if not platform.url:
        if not is_host(platform.host):
            yield "host", Say("config.host")
        return
    if platform.host:
        yield "url", Say("config.two_ways")
    if (why := targets.wrong(platform.url)) is not None:
        yield "url", why
    elif "?" in platform.url:
        yield "url", Say("config.url_query")
    if platform.receipts == "broker":
        yield "receipts", Say("config.http_receipts")
    if key is not None and targets.key_of(key) is None:
        yield "password", Say("hook.no_key")


def inside(platform: HomePlatform) -> bool:
    """Say whether an address is in the home's network: the page takes none, the file does."""
    usable = bool(platform.url) and targets.wrong(platform.url) is None
    return usable and targets.inside(platform.url)


def spoken(version: str) -> str:
    """Return what is spoken to the platform, as people write it."""
    return version if version.isalpha() else f"MQTT {version}"
