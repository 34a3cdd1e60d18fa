"""What to do about each fault, in a sentence a technician can follow with a phone in one hand. A test holds it against the kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ADVICE: Final[Mapping[str, tuple[str, str]]] = {
    "device.missing": (
        "先开“巡检测试”,再到设备旁按一下或开关一次;没有反应就换电池,再把网关移近或远离金属柜。",
        "Begin its walk test, then press or open it once. No reaction: change the battery, then move the gateway nearer, away from metal.",
    ),
    "device.low_battery": (
        "一周内更换电池(型号印在电池仓内),换好后先开“巡检测试”,再按一下。",
        "Change the battery within a week (the type stands in its compartment). Then begin its walk test, and press it once.",
    ),
    "device.fault": (
        "设备自报故障:断电或取下电池十秒后再试;仍报故障就更换设备,然后点“已检查”。",
        "The device reports trouble of its own: take its power away for ten seconds. If it says so again replace it, then tap “Checked”.",
    ),
    "device.not_understood": (
        "设备说了网关不认识的话,可能正是它该报的事:马上去看一下,用测试键试一次;把型号和这句话告诉平台,再点“已检查”。",
        "It may be the very thing it is there for: look at once and try it by its test key. Tell the platform its make and the words.",
    ),
    "device.end_of_life": (
        "传感器已过使用期限,灵敏度没有保证:请更换。",
        "The sensor is past its life and may not react any more: replace it.",
    ),
    "device.tamper": (
        "设备被打开或从墙上取下:重新装好,然后点“已检查”。",
        "The device was opened or taken off the wall: mount it again, then tap “Checked”.",
    ),
    "device.chatters": (
        "设备每隔几秒就变一次:检查磁铁和门缝的距离、接线和安装;一小时不再跳变,故障自动结束。期间的变化只计数,求救照常立即上报。",
        "It changes every few seconds: look at magnet and gap, wires and mounting. Its changes are only counted meanwhile; an SOS is not. An hour of rest ends it.",
    ),
    "device.replayed": (
        "收到了旧信号:刚换过电池属正常,点“已检查”,两分钟内按它两次;没换过电池请报告平台,可能有人伪造信号。是没有密钥的撤警键: 它不能撤警,请填密钥或换加密按钮。",
        "An old signal. After a new battery: tap “Checked”, press twice within 2 min; else tell the platform. A cancel button needs a key.",
    ),
    "service.today": (
        "每天一条的清单:有空时逐项处理;需要马上处理的另外提醒。",
        "The list of the day: see to its lines when there is time. What cannot wait is told by itself.",
    ),
    "service.month": (
        "每月统计:不用处理。",
        "Figures of the month: nothing to do.",
    ),
    "device.test_due": (
        "一个月没有试过:请和老人一起按一次(跌倒、烟感按说明测试),用“巡检测试”,平台收到即可;也可试过后点“已检查”。",
        "Not tried for a month: press it together with the resident in a walk test, a detector by its test key. Or tap “Checked” when it was tried.",
    ),
    "device.shelved_danger": (
        "设备搁置期间出现过危险:去看一下老人,并检查是否还需要搁置。",
        "There was a danger while the device was shelved: look after the resident, and ask whether it still needs to be shelved.",
    ),
    "service.away": (
        "老人离家期间不判断“久无活动”一类的危险:回来后请在“今天”里点“已回家”。",
        "While the resident is away dangers by absence are not judged: when they are back tap “Back home” on Today.",
    ),
    "service.back_home": (
        "门开过,随后两个房间有人活动二十分钟:离家已自动结束。如果只是护理员来过,请重新登记离家。",
        "The door opened and there was somebody in two rooms for twenty minutes, so away has ended. If it was a carer, set it again.",
    ),
    "gateway.radio_deaf": (
        "蓝牙十五分钟以上听不到任何信号:拔掉网关电源十秒再插上;仍失效就换 USB 蓝牙适配器。",
        "Bluetooth hears nothing: pull the gateway's plug for ten seconds. If that does not help change the USB adapter.",
    ),
    "gateway.mains_lost": (
        "网关靠电池工作:检查插座和总闸;停电请告知平台。",
        "The gateway runs on its battery: check the socket and the fuse box, and tell the platform of a power cut.",
    ),
    "gateway.uplink_lost": (
        "连不上平台,警报只在家中响:检查路由器或 SIM 卡流量;恢复后会自动补发。",
        "The platform cannot be reached, alarms sound only here: check router or SIM card. What waits is sent by itself afterwards.",
    ),
    "person.out": (
        "老人带着按钮出门了:不用处理;十二小时还没听到才会提醒。",
        "The resident is out and has the button along: nothing to do. It is told only if the button is not heard for twelve hours.",
    ),
    "gateway.clock_set": (
        "时钟已对准:不用处理。",
        "The clock has been set: nothing to do.",
    ),
    "gateway.clock_unsure": (
        "时钟没有对准,报警不受影响:接上网络后会自动校准;时间服务器与已知时间相差一个月以上时,要连续一天一致才采信。",
        "The clock is not confirmed. Alarms work all the same; it sets itself once there is network. A server a month off is believed after a day.",
    ),
    "gateway.storage_degraded": (
        "存储卡写不进去,网关在内存中工作:不要断电,尽快更换存储卡。",
        "The card takes no writes and the gateway works from memory: do not cut its power, change the card soon.",
    ),
    "gateway.restarted": (
        "网关重启过多次:检查电源适配器是否为原装、插头是否松动。",
        "The gateway was restarted repeatedly: check that its power supply is the right one and sits tight.",
    ),
    # Of a box that has not taken over from another; what the other one says is made by the page, with the time.
    "gateway.identity_conflict": (
        "另一台网关用着同一编号,互相顶掉线。本机没有接替过别的网关:换过网关的,本机就是旧的,请拔掉本机;没换过的请联系平台。",
        "Another gateway uses the same id. This box took over from none: after a box swap it is the old one, unplug it. Else call the platform.",
    ),
    "gateway.readings_forgotten": (
        "断网太久,部分日常读数没有保留;警报没有丢失。",
        "The line was down so long that some routine readings were not kept. No alarm was lost.",
    ),
    "gateway.call_failed": (
        "家里发声或呼叫的设备失效:检查警笛、警灯或短信模块的电源、接线和 SIM 卡。修好后自检或下一次成功会自动消除。",
        "What sounds or calls here does not work: check power, wires and SIM card of siren, light or modem. It ends by itself at the next success.",
    ),
    "gateway.certificate_ends": (
        "与平台连接用的证书快到期:请平台换发,在“平台”页上传新证书;到期后警报只在家中响。",
        "A certificate of the line to the platform ends soon: get a new one and give it on the page Platform, or alarms will sound only here.",
    ),
    "gateway.page_certificate": (
        "给网页的证书不能用,现在用盒内自制的:在“本机”页上看原因,换一张证书或恢复盒内自制。",
        "The certificate given to the page cannot be used, the box's own is served: see why on the page This box, and give another or go back to it.",
    ),
    "gateway.too_many_orders": (
        "平台或页面一下子发来太多指令,多出的已拒收,报警不受影响:请告诉平台。",
        "More orders came at once than a gateway takes; the rest was refused, alarms go on: tell the platform.",
    ),
    "gateway.attacked": (
        "有人反复试密码或伪造信号,都已拒绝,看护不受影响:看“记录”里的来访,问问谁在用这个网络;必要时改无线网密码,并告诉平台。",
        "Somebody tries passwords or forges signals; all was refused: see the visits in the journal, ask who uses this network, tell the platform.",
    ),
    "gateway.bad_message": (
        "收到看不懂的消息并已拒绝:请把诊断包发给平台。",
        "A message was refused because it could not be understood: send the diagnostics bundle to the platform.",
    ),
    "service.backup": (
        "有人取走了备份,里面有全部密钥:不是您或同事做的,请告诉平台,更换平台口令和各人密码。",
        "A backup was taken, with every key in it. If it was neither you nor a colleague tell the platform and change its password and yours.",
    ),
    "person.often_cancelled": (
        "一天内多次撤警:和老人聊一聊,可能是误触,也可能真的多次跌倒。",
        "Cancelled several times within a day: talk with the resident. It may be chance, or there were real falls.",
    ),
}
UNKNOWN: Final = ("请联系平台。", "Ask the platform.")
LATCHED: Final = frozenset(
    {"device.fault", "device.tamper", "device.replayed", "device.not_understood", "device.test_due"}
)  # end when a technician has looked
