"""What sheets of earlier forms said: a certificate that is printed again has the words it had.

A form whose words change gets its old words here, and `commissioning.FORM` counts on.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

from gateway.home import audible
from gateway.page.words import Words

# Of the sheets of forms 1 to 3, what form 4 says in other words.
BEFORE_4: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "sheet.kind": "居家养老监护网关",
        "sheet.title": "开通验收证书",
        "sheet.test_alarm": "测试报警:回执 {seconds} 秒",
        "sheet.test_alarm_none": "测试报警:没有回执",
        "sheet.test_alarm_never": "测试报警:没有做",
        "sheet.devices": "设备和巡检测试",
        "sheet.tested": "在使用处试得",
        "sheet.fresh": "{n} 次未证明是新发的",
        "sheet.mains_not": "不适用:本机无法得知市电",
        "sheet.clock_is": "{clock},证书上的时间不可靠",
        "sheet.no_cancel": "没有能撤销跌倒的按钮, 一听到跌倒就报警",
        "sheet.rooms_without": "没有传感器的房间:{rooms}",
        "sheet.no_platform_test": "测试报警或试连没有通过",
        "sheet.signed_typed": "输入名字确认:{name}",
        "sheet.foot": "证书原文保存在网关中,可随时重印。校验码 SHA-256:",
        "lack.silent": "这个家里什么也听不见",
        "time.pendant_out": "外出未听到佩戴按钮",
        "time.receipt_away": "平台自称离线时等待回执",
        "time.receipts_lost": "平台不回执",
        "time.clock_unsure": "时钟不准",
        "kind.device.not_understood": "听不懂设备的话",
        "kind.gateway.clock_unsure": "时钟不准",
        "kind.gateway.storage_degraded": "存储异常",
        "kind.gateway.attacked": "有人在试探",
        "kind.service.config_changed": "改配置",
    },
    "en": {
        "agreed.drawn": "signed on the box's page",
        "step.resolve": "Resolve the name",
        "time.receipt": "The platform's receipt",
        "time.acknowledge_p1": "Life: somebody answers",
        "time.acknowledge_p2": "Soon: somebody answers",
        "time.dispatch_p1": "Life: somebody is sent",
        "time.dispatch_p2": "Soon: somebody is sent",
        "time.on_site_p1": "Life: somebody is there",
        "time.on_site_p2": "Soon: somebody is there",
        "time.repeat": "From the first rung again",
        "time.repeat_last": "The last rung is called again",
        "walk.do.falls": "Act a fall",
        "walk.do.occupied": "Sit or lie on it",
        "walk.do.left": "Get up again",
        "walk.do.any": "Make it act once",
        "walk.do.packets": "It is heard",
        "walk.do.receipt": "The platform has it",
        "pull.mains": "Pull the mains",
        "pull.uplink": "Pull the network",
        "pull.held": "Alarm raised meanwhile",
        "pull.back": "Back again",
        "pull.delivered": "That alarm has reached the platform",
        "sheet.title": "Certificate of commissioning",
        "sheet.clock.synchronised": "clock synchronised",
        "sheet.clock.wrong": "clock known to be wrong",
        "sheet.revision": "revision {revision}, hash {hash}",
        "sheet.attempt": "each step tried: login {login} s, receipt {receipt} s",
        "sheet.attempt_failed": "each step tried: failed at “{step}”",
        "sheet.tested": "Tried where it is used",
        "sheet.fresh": "{n} not proved fresh",
        "sheet.not_tried": "not tried",
        "sheet.uplink": "noticed after {noticed} s; away for {away} s;"
        " the alarm raised meanwhile was told {receipt} s after",
        "sheet.mains_not": "does not apply: this box cannot know its mains",
        "sheet.no_ladder": "the platform only",
        "sheet.stands": "To be known",
        "sheet.no_cancel": "A fall is an alarm at once: no button here takes it back",
        "sheet.rooms_without": "Rooms without a sensor: {rooms}",
        "sheet.no_tls": "the line to the platform is not encrypted",
        "sheet.no_platform_test": "neither test alarm nor try has passed",
        "sheet.signature": "Signature of who installed it",
        "sheet.signed_typed": "confirmed by typing: {name}",
        "sheet.foot": "The document is kept in the gateway and can be printed again. SHA-256:",
        "lack.silent": "Nothing in this home can be heard",
        "lack.no_rung": "Without the network nobody is called",
        "kind.device.not_understood": "said something we do not understand",
        "kind.device.end_of_life": "device past its life",
        "kind.device.chatters": "chatters",
        "kind.gateway.radio_deaf": "radio deaf",
        "kind.gateway.uplink_lost": "uplink lost",
        "kind.gateway.clock_unsure": "clock unsure",
        "kind.gateway.storage_degraded": "storage degraded",
        "kind.gateway.readings_forgotten": "readings forgotten",
        "kind.gateway.certificate_ends": "certificate ends soon",
        "kind.gateway.page_certificate": "certificate of the page cannot be used",
        "kind.gateway.too_many_orders": "too many orders, refused",
    },
}


def words(t: Words, document: Mapping[str, Any]) -> Words:
    """Return the words of a sheet: those of the form that its document has."""
    return Words(t.language, zoneinfo.ZoneInfo(document["timezone"]), before(document))


def before(document: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]] | None:
    """Return what this form says in other words than the newest, None for the newest."""
    return BEFORE_4 if document.get("form", 1) < 4 else None


def lacks(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the home lacked when it was signed, (zh, en) each."""
    was = before(document) or {"zh": {}, "en": {}}
    out = []
    for name in document["lacks"]:
        if name in set(audible.Lack):
            zh, en = audible.WORDS[audible.Lack(name)]
            out.append((was["zh"].get(f"lack.{name}", zh), was["en"].get(f"lack.{name}", en)))
    return out
