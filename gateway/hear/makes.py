"""Which make a stranger is of, as far as its advertisement tells."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.words.driver import Advertisement, BleAdvert, GattService, Model, Refusal, only, uuid16

# by which a driver says that the frame is another make's
OTHERS = frozenset({"not_mine", "wrong_product", "wrong_version"})
_COMPANIES = {
    0x0006: "Microsoft",
    0x004C: "Apple",
    0x0059: "Nordic",
    0x0075: "Samsung",
    0x0087: "Garmin",
    0x00E0: "Google",
    0x0157: "Huami",
    0x027D: "Huawei",
    0x038F: "Xiaomi",
    0x0969: "SwitchBot",
    0x0BA9: "Shelly",
}
_SERVICES = {
    uuid16(0xFE2C): "Google",
    uuid16(0xFE95): "Xiaomi",
    uuid16(0xFD3D): "SwitchBot",
    uuid16(0xFDCD): "Qingping",
    uuid16(0xFD6F): "phone",
    uuid16(0xFEAA): "Eddystone",
    uuid16(0xFCD2): "BTHome",
    uuid16(0x181C): "BTHome v1",
}


def address_kind(address: str, kind: str) -> str:
    """Return "public", "static" (random, for life), "private" (changes every few minutes) or "".

    "": bluetoothd does not say.
    """
    if kind != "random":
        return kind
    return "static" if int(address[:2], 16) >> 6 == 0b11 else "private"


def carries(listens: BleAdvert, advert: Advertisement) -> bool:
    """Say whether an advertisement has data of a make's service or company."""
    if not listens.services and not listens.companies:
        return bool(advert.manufacturer_data)  # spoken under any company id
    return bool(
        advert.service_data.keys() & set(listens.services)
        or advert.manufacturer_data.keys() & set(listens.companies)
    )


def guess(advert: Advertisement, models: Mapping[str, Model]) -> Model | None:
    """Return the supported make that an advertisement is most likely of.

    Its driver takes the frame, its name fits; a make comes before a protocol of many makes.
    """

    def rank(model: Model) -> tuple[int, bool, int]:
        return (
            _likeness(advert, model),
            not model.general,
            0 if model.general else -len(model.senses),
        )

    best = max(models.values(), key=rank, default=None)
    return best if best is not None and rank(best)[0] else None


def _likeness(advert: Advertisement, model: Model) -> int:
    """Return 0 where the advertisement is not this make's, more where more speaks for it."""
    listens = model.listens
    if isinstance(listens, GattService):
        return 4 if listens.service in advert.service_uuids else 0
    if not isinstance(listens, BleAdvert):
        return 0
    named = bool(advert.name) and any(str(advert.name).startswith(name) for name in listens.names)
    if listens.names and advert.name and not named:
        return 0
    by_name_alone = bool(listens.names) and not (listens.services or listens.companies)
    if not by_name_alone and carries(listens, advert):
        heard = model.new(advert.address, None, {}).feed(advert)
        if any(one.reason in OTHERS for one in only(Refusal, heard)):
            return 0
        return 5 if named else 3 if listens.names else 4
    return 2 if named else 0


def maker(advert: Advertisement) -> str:
    """Return whose device an unsupported one may be, "" where nothing tells."""
    for uuid in (*advert.service_data, *advert.service_uuids):
        if uuid in _SERVICES:
            return _SERVICES[uuid]
    return next(
        (_COMPANIES[company] for company in advert.manufacturer_data if company in _COMPANIES), ""
    )
