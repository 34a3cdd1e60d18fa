"""Waiting times that a household may change: name, default, bounds and ground, in seconds.

The configuration's `[times]` changes them within their bounds; the table in docs/alarms.md is
checked against this one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from gateway.words.kind import Priority
from gateway.words.say import Say


class Time(NamedTuple):
    """One line of the table."""

    default: float
    low: float
    high: float
    zh: str
    why: str


_LINES: Final[list[Time]] = []  # in the order of the table


def _time(default: float, low: float, high: float, zh: str, why: str) -> float:
    _LINES.append(Time(default, low, high, zh, why))
    return default


class Times(Struct, frozen=True, kw_only=True):
    """The waiting times in force; what is known of each stands in `TABLE`."""

    grace_fall: float = _time(30, 15, 60, "跌倒撤警时间", "CP-01: 30 s (15-45)")
    grace_stay: float = _time(180, 60, 600, "滞留撤警时间", "table of kinds: 3 min")
    grace_bed: float = _time(120, 30, 600, "离床撤警时间", "table of kinds: 2 min")
    grace_water: float = _time(60, 0, 300, "漏水确认时间", "table of kinds: 60 s")
    door_left_open: float = _time(600, 60, 3600, "门未关", "table of kinds: 10 min")
    door_left_open_day: float = _time(
        1800,
        60,
        7200,
        "白天门未关",
        "ours: by day ten minutes are airing; then it stands on today's list",
    )
    level_gone: float = _time(
        300,
        120,
        1800,
        "状态不再报告",
        "ours: an ended alarm's smoke or fall not heard for so long may return; "
        "still heard, a false one does",
    )
    level_lost: float = _time(
        14400,
        3600,
        86400,
        "解除信号丢失",
        "makers' 4 h signal: what is heard as on only now has begun anew",
    )
    bed_left: float = _time(1200, 300, 7200, "夜间离床", "ours: longer than a walk to the toilet")
    receipt: float = _time(30, 10, 60, "等待平台回执", "EN 50136 top class: 10 / 30 s, from memory")
    receipt_away: float = _time(
        5,
        0,
        30,
        "平台报告离线时等待回执",
        "ours: who says to be away gives no receipt; time for one more attempt",
    )
    acknowledge_p1: float = _time(60, 20, 300, "一级警报应答", "26 TAC 279.79: 60 s")
    acknowledge_p2: float = _time(300, 60, 1800, "二级警报应答", "a person must look soon: 5 min")
    dispatch_p1: float = _time(
        180, 60, 300, "一级警报派人", "next contact tried after 2 min in one city"
    )
    dispatch_p2: float = _time(900, 60, 3600, "二级警报派人", "ours: five times P1")
    on_site_p1: float = _time(900, 300, 7200, "一级警报到场", "one city's promise: 15 min")
    on_site_p2: float = _time(3600, 300, 14400, "二级警报到场", "ours: four times P1")
    expect_least: float = _time(
        120, 60, 600, "预计到场下限", "ours: a shorter promise counts as two minutes"
    )
    on_site_close: float = _time(
        3600, 900, 14400, "到场后未结束", "ours: an alarm that nobody closes hides the next"
    )
    close_again: float = _time(1800, 600, 7200, "再次提醒结束", "ours: half the time before")
    new_again: float = _time(
        600,
        300,
        1800,
        "应答后再次危险算新警报",
        "ours: ten minutes after the answer the helper may be gone",
    )
    rung: float = _time(120, 30, 600, "每级等待", "next contact tried after 2 min in one city")
    repeat: float = _time(
        300, 60, 300, "重新一轮", "after the last rung the first person again within 5 min"
    )
    repeat_p2: float = _time(
        1800,
        300,
        7200,
        "二级警报三轮后重呼",
        "ours: one operator bears six items an hour; P1 goes on as before",
    )
    repeat_asked: float = _time(
        600,
        300,
        1800,
        "问过老人未答的重呼",
        "ours: the same, where a question in the home went unanswered",
    )
    apart: float = _time(
        120, 60, 300, "重复呼叫间隔", "ours: power that comes and goes rings nobody more often"
    )
    silence: float = _time(
        600, 60, 600, "静音时长", "silence is for what sounds now: 10 min at most"
    )
    heartbeat: float = _time(
        60, 20, 300, "心跳", "platform calls the home offline after three: 180 s"
    )
    radio_deaf: float = _time(
        900,
        60,
        3600,
        "接收失效",
        "ours: the scanner restarts at 90 s; at 2 min it was the neighbours' air that was judged",
    )
    pendant_out: float = _time(
        43200,
        7200,
        86400,
        "外出后佩戴按钮无信号",
        "ours: out with its wearer it is silent; 12 h is longer than a day out",
    )
    mains_lost: float = _time(
        300,
        60,
        3600,
        "停电",
        "several makers: 5 min; each box adds up to 10 min of its own against area blackouts",
    )
    platform_trial: float = _time(
        60, 30, 300, "新平台设置试连", "ours: name, TLS and login on a bad line need half of it"
    )
    uplink_lost: float = _time(
        1800,
        180,
        7200,
        "断网",
        "ours: 97 % of outages end within 30 min; the platform sees them by the heartbeat",
    )
    receipts_lost: float = _time(
        180,
        60,
        1800,
        "平台不发回执",
        "ours: three heartbeats without the receipt of what was sent: the line counts as lost",
    )
    clock_unsure: float = _time(
        600,
        60,
        86400,
        "时钟未校准",
        "ours: a time server normally answers within minutes of power-up",
    )
    low_battery_again: float = _time(604800, 86400, 1209600, "电量低重复", "telecare maker: 7 d")
    work_order: float = _time(
        1209600,
        604800,
        2592000,
        "电池工单",
        "telecare maker: 14 d; then a low battery says: send somebody",
    )
    cancelled_often: float = _time(86400, 3600, 604800, "多次撤警统计", "three cancelled in 24 h")
    shelve_most: float = _time(86400, 3600, 86400, "搁置上限", "at most 24 h")
    shelve_p1_most: float = _time(
        7200, 600, 7200, "一级搁置上限", "P1 kinds: 2 h, and only the platform"
    )
    away_most: float = _time(
        2678400,
        86400,
        2678400,
        "离家上限",
        "ours: at most 31 days, then somebody has to say it again",
    )
    away_again: float = _time(
        604800, 86400, 1209600, "离家重复提醒", "ours: said again every 7 days"
    )
    away_home: float = _time(
        1200,
        600,
        7200,
        "回家判定",
        "ours: after the door somebody in two rooms for 20 min; a postman stays shorter",
    )
    away_leaving: float = _time(
        3600,
        0,
        14400,
        "出门准备",
        "ours: who says that he leaves packs first; signs of life count after that",
    )
    order_lives: float = _time(
        21600,
        600,
        86400,
        "结束类指令有效期",
        "ours: what a desk ends may wait out an outage of hours, not of days; "
        "`expires` comes first",
    )
    confirm_window: float = _time(
        120,
        60,
        600,
        "确认后验证",
        "ours: time to press a device twice after “Checked”, none for recordings",
    )
    installing: float = _time(
        3600,
        600,
        14400,
        "安装期间",
        "ours: what a device calls in the hour after it was enrolled may be closed as a test",
    )
    test_ends: float = _time(
        600, 60, 3600, "测试自动结束", "ours: a forgotten test closes itself with outcome test"
    )
    self_test: float = _time(
        86400, 21600, 604800, "自检", "26 TAC 279.77: daily; each home at an offset of its own"
    )
    test_due: float = _time(
        2592000, 604800, 7776000, "与老人一起测试", "26 TAC 279.77: with the resident, monthly"
    )
    readings_every: float = _time(
        300,
        10,
        900,
        "读数批次",
        "ours: spares the card and the metered line; what matters is an entry of its own",
    )
    same_again: float = _time(
        300, 60, 3600, "不变读数", "ours: an unchanged measure is kept once in 5 min"
    )

    def longest_on_site(self, priority: Priority) -> float:
        """Return the longest wait for a dispatched responder: the upper bound of `on_site`."""
        name = "on_site_p1" if priority is Priority.P1 else "on_site_p2"
        return float(TABLE[name].high)

    def refuse(self) -> dict[str, Say]:
        """Return what is out of bounds, by name; empty when all is well."""
        out = {}
        for name, line in TABLE.items():
            low, high = line.low, line.high
            if not low <= (value := getattr(self, name)) <= high:
                told = (line.zh, name)
                out[name] = Say("config.time", name=told, value=value, low=low, high=high)
        return out


TABLE: Final = dict(zip(Times.__struct_fields__, _LINES, strict=True))
