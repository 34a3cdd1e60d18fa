"""What can be reported: every kind of alarm and fault, its codes, priority and default grace.

Codes are facts of ISO/IEEE 11073-10471 (independent living activity hub) and SCAIP (device /
status); no conformance is claimed. A kind that nobody knows is carried and shown as P3, never
dropped: see `of`.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from msgspec import Struct


class Priority(IntEnum):
    """How urgent something is.

    P1 life, act now; P2 somebody must look soon; P3 protection reduced, hours or days; P4
    information.
    """

    P1 = 1
    P2 = 2
    P3 = 3
    P4 = 4


class FaultClass(StrEnum):
    """How a desk deals with a fault.

    It is told now, stands on today's list, which is read once a day, or is counted for the month.
    """

    NOW = "now"
    LIST = "list"
    FIGURE = "figure"


class AlarmKind(Struct, frozen=True):
    """One row of the table. `latches` false: the alarm ends by rule when its condition ends."""

    name: str
    zh: str
    en: str
    priority: Priority
    ieee: str = ""
    scaip_device: str = ""
    scaip_status: str = ""
    latches: bool = True
    by_absence: bool = False  # suspended while the resident is away
    fault_class: FaultClass = FaultClass.NOW  # of a fault, where nothing more is known of it


SOS = "person.sos"
HELP = "person.help"
FALL = "person.fall"
STAY_TOO_LONG = "person.stay_too_long"
BED_EXIT = "person.bed_exit"
INACTIVE = "person.inactive"
NOT_UP = "person.not_up"
NO_RETURN = "person.no_return"
NIGHT_EXIT = "person.night_exit"
ASKED = "person.asked"
ANSWER = "person.answered"
DOOR_LEFT_OPEN = "door.left_open"
SMOKE = "env.smoke"
GAS = "env.gas"
CO = "env.co"
WATER = "env.water"
TEMP_HIGH = "env.temp_high"
TEMP_LOW = "env.temp_low"
TEST = "alarm.test"
OFTEN_CANCELLED = "person.often_cancelled"
MISSING = "device.missing"
LOW_BATTERY = "device.low_battery"
DEVICE_FAULT = "device.fault"
NOT_UNDERSTOOD = "device.not_understood"
TAMPER = "device.tamper"
CHATTERS = "device.chatters"
REPLAYED = "device.replayed"
TEST_DUE = "device.test_due"
SHELVED = "device.shelved_danger"
OUT = "person.out"
RADIO_DEAF = "gateway.radio_deaf"
MAINS_LOST = "gateway.mains_lost"
UPLINK_LOST = "gateway.uplink_lost"
CLOCK_UNSURE = "gateway.clock_unsure"
CLOCK_SET = "gateway.clock_set"
STORAGE_DEGRADED = "gateway.storage_degraded"
RESTARTED = "gateway.restarted"
IDENTITY_CONFLICT = "gateway.identity_conflict"
FORGOTTEN = "gateway.readings_forgotten"
CALL_FAILED = "gateway.call_failed"
CERTIFICATE_ENDS = "gateway.certificate_ends"
PAGE_CERTIFICATE = "gateway.page_certificate"
ATTACKED = "gateway.attacked"
BAD_MESSAGE = "gateway.bad_message"
TOO_MANY_ORDERS = "gateway.too_many_orders"
VISIT = "service.visit"
VISIT_MISSED = "service.visit_missed"
DRILL_DUE = "service.drill_due"
REQUEST = "service.request"
FAMILY_WORD = "service.family_word"
BACKUP = "service.backup"
TODAY = "service.today"
MONTH = "service.month"
AWAY = "service.away"
BACK_HOME = "service.back_home"
CONFIG_CHANGED = "service.config_changed"

_P1, _P2, _P3, _P4 = Priority
_LIST, _FIGURE = FaultClass.LIST, FaultClass.FIGURE
KINDS: dict[str, AlarmKind] = {
    k.name: k
    for k in (
        AlarmKind(SOS, "求救", "SOS", _P1, "PERS.0", "0004", "0010"),
        AlarmKind(FALL, "跌倒", "fall", _P1, "FALL.0", "0005", "0009"),
        AlarmKind(HELP, "求助", "help, not urgent", _P2, "SWITCH.0", "0004", "0110"),
        AlarmKind(
            INACTIVE,
            "久无活动",
            "no activity",
            _P2,
            "USAGE.4",
            "0010",
            "0009",
            by_absence=True,
        ),
        AlarmKind(NOT_UP, "未起床", "not up", _P2, "USAGE.4", "0010", "0009", by_absence=True),
        # Somebody is there and does not move: no danger by absence, so it is judged while the
        # resident is said to be away.
        AlarmKind(STAY_TOO_LONG, "滞留过久", "stayed too long", _P2, "USAGE.3", "0018", "0071"),
        AlarmKind(
            NO_RETURN,
            "外出未归",
            "not returned",
            _P2,
            "PROPEXIT.0",
            "0015",
            "0009",
            by_absence=True,
        ),
        AlarmKind(
            NIGHT_EXIT,
            "夜间外出",
            "left at night",
            _P2,
            "PROPEXIT.0",
            "0015",
            "0009",
            by_absence=True,
        ),
        AlarmKind(BED_EXIT, "离床未归", "not back in bed", _P2, by_absence=True),
        AlarmKind(
            DOOR_LEFT_OPEN,
            "门未关",
            "door left open",
            _P3,
            "PROPEXIT.1",
            "0014",
            "0077",
            latches=False,
        ),
        AlarmKind(SMOKE, "烟雾", "smoke", _P1, "SMOKE.0", "0023", "0009"),
        AlarmKind(GAS, "燃气", "gas", _P1, "GAS.0", "0021", "0009"),
        AlarmKind(CO, "一氧化碳", "carbon monoxide", _P1, "CO.0", "0026", "0009"),
        AlarmKind(WATER, "漏水", "water", _P2, "WATER.0", "0033", "0009"),
        AlarmKind(TEMP_HIGH, "高温", "too hot", _P2, "TEMP.0", "0025", "0100"),
        AlarmKind(TEMP_LOW, "低温", "too cold", _P2, "TEMP.1", "0025", "0101"),
        AlarmKind(TEST, "测试", "test", _P4, "", "0002", "0102", latches=False),
        AlarmKind(OFTEN_CANCELLED, "多次撤警", "cancelled often", _P3, fault_class=_LIST),
        AlarmKind(ASKED, "询问老人", "resident asked", _P4, fault_class=_FIGURE),
        AlarmKind(ANSWER, "老人已应答", "resident answered", _P4, fault_class=_FIGURE),
        AlarmKind(OUT, "外出", "out, with the pendant", _P4, fault_class=_FIGURE),
        AlarmKind(MISSING, "设备失联", "device missing", _P3, "bit 17", "0050", "0123"),
        AlarmKind(
            LOW_BATTERY, "电量低", "battery low", _P3, "bit 18", "", "0016", fault_class=_LIST
        ),
        AlarmKind(DEVICE_FAULT, "设备故障", "device fault", _P3, "bit 19", "", "0042"),
        AlarmKind(
            NOT_UNDERSTOOD,
            "收到无法识别的内容",
            "sent something not understood",
            _P3,
            "bit 19",
            "",
            "0042",
        ),
        AlarmKind(
            "device.end_of_life",
            "设备到期",
            "device past its service life",
            _P3,
            "bit 19",
            "",
            "0065",
            fault_class=_LIST,
        ),
        AlarmKind(TAMPER, "拆动", "tampered with", _P3, "bit 20", "", "0125"),
        AlarmKind(
            CHATTERS,
            "设备反复跳变",
            "changes all the time",
            _P3,
            "bit 19",
            "",
            "0042",
            fault_class=_LIST,
        ),
        AlarmKind(REPLAYED, "旧信号重放", "old signal replayed", _P3, "bit 20", "", "0125"),
        AlarmKind(TEST_DUE, "该与老人测试了", "test with the resident due", _P3, fault_class=_LIST),
        AlarmKind(SHELVED, "搁置期间的危险", "danger while shelved", _P4),
        AlarmKind(RADIO_DEAF, "接收失效", "no reception", _P2, "", "0050", "0095"),
        AlarmKind(MAINS_LOST, "停电", "mains lost", _P3, "", "0041", "0085"),
        AlarmKind(UPLINK_LOST, "断网", "network lost", _P3, "", "0032", "0023"),
        AlarmKind(
            CLOCK_UNSURE,
            "时钟未校准",
            "clock not confirmed",
            _P3,
            "",
            "0002",
            "0065",
            fault_class=_LIST,
        ),
        AlarmKind(CLOCK_SET, "时钟已校准", "clock set", _P4, "", "0002", "", fault_class=_FIGURE),
        AlarmKind(STORAGE_DEGRADED, "存储故障", "storage fault", _P3, "", "0002", "0065"),
        AlarmKind(
            RESTARTED, "网关重启", "gateway restarted", _P3, "", "0002", "0065", fault_class=_LIST
        ),
        AlarmKind(IDENTITY_CONFLICT, "身份冲突", "identity conflict", _P3, "", "0002", "0065"),
        AlarmKind(FORGOTTEN, "读数已舍弃", "readings discarded", _P3, fault_class=_LIST),
        AlarmKind(CALL_FAILED, "呼叫失败", "call failed", _P3),
        AlarmKind(
            CERTIFICATE_ENDS, "证书将到期", "TLS certificate expires soon", _P3, fault_class=_LIST
        ),
        AlarmKind(
            PAGE_CERTIFICATE,
            "网页证书不能用",
            "TLS certificate of the page cannot be used",
            _P3,
            fault_class=_LIST,
        ),
        AlarmKind(ATTACKED, "有人试图入侵", "under attack", _P3),
        AlarmKind(BAD_MESSAGE, "收到无效消息", "bad message refused", _P3, fault_class=_LIST),
        AlarmKind(AWAY, "老人离家", "resident away", _P3, fault_class=_LIST),
        AlarmKind(BACK_HOME, "老人已回家", "resident is back", _P3, fault_class=_LIST),
        AlarmKind(
            TOO_MANY_ORDERS,
            "指令过多, 已拒收",
            "too many instructions, refused",
            _P3,
            fault_class=_LIST,
        ),
        AlarmKind(BACKUP, "备份已取走", "backup taken", _P3),
        AlarmKind(TODAY, "今日清单", "today's list", _P3, fault_class=_LIST),
        AlarmKind(MONTH, "月度统计", "figures of the month", _P4, fault_class=_FIGURE),
        AlarmKind(REQUEST, "服务需求", "service request", _P4),
        AlarmKind(FAMILY_WORD, "每周告知家属", "weekly word to family", _P4, fault_class=_FIGURE),
        AlarmKind(VISIT, "上门", "visit", _P4, "", "0002", "0111", fault_class=_FIGURE),
        AlarmKind(DRILL_DUE, "该演练了", "drill due", _P3, fault_class=_LIST),
        AlarmKind(VISIT_MISSED, "探访不足", "visits missed", _P3, fault_class=_LIST),
        AlarmKind(
            CONFIG_CHANGED,
            "配置已修改",
            "configuration changed",
            _P4,
            "",
            "0002",
            "0102",
            fault_class=_FIGURE,
        ),
    )
}


# What nothing in this software judges yet: the table has its words and codes, so that a platform
# knows them when they come.
LATER = frozenset({TEMP_HIGH, TEMP_LOW, "device.end_of_life"})

# What "I am well" answers: the resident knows whether it is true. Water, smoke and doors do not ask
# how somebody feels.
ANSWERED = frozenset({FALL, STAY_TOO_LONG, BED_EXIT, INACTIVE, NOT_UP, NO_RETURN, NIGHT_EXIT})
# Of these the home asks first, see `judge.silence`: nobody has answered where one is raised.
ASKED_FIRST = frozenset({INACTIVE, NOT_UP, NO_RETURN, NIGHT_EXIT})


# What is over by itself when it ends in its grace: who has lain still moves again, who left the bed
# is up, a splash is wiped up. A fall latches.
ENDS_IN_GRACE = frozenset({STAY_TOO_LONG, BED_EXIT, WATER})


def of(name: str) -> AlarmKind:
    """Return the table's row for `name`; an unknown kind is a P3 that shows its own name."""
    return KINDS.get(name) or AlarmKind(name, name, name, Priority.P3)
