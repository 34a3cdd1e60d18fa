"""What each field, order and value of the contract says, in words for integrators.

A sentence to a line, with Chinese where it helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.words.instruction import Do

# "Type.field" (or ".field" where it means the same everywhere) -> what it says. Chinese where it
# helps.
FIELDS: Final[Mapping[str, str]] = {
    ".type": "Name of the message; the same word ends its topic. 消息类型",
    ".v": "Version of this contract. Within one version fields are added, never changed or taken away. 协议版本",
    ".gateway": "Id of the gateway, as in the topic. It names a box, not a person. 网关编号",
    ".journal": (
        "Name of the database that numbers the entries. A new one (new card, database lost) means that numbers begin at 1 again. 日志编号"
    ),
    ".generation": (
        "Which taking-up of a journal this gateway is in: 1, 2, 3 ... A new journal has a higher one than all before; 0 or none: "
        "written by software that did not count. Newest is the highest (generation, number). 代次"
    ),
    ".previous": (
        "Hash of the entry before in the same journal (number - 1): the first 32 hex digits of SHA-256 over its payload, byte for byte "
        "as it came. Empty: the chain begins here. 上一条记录的哈希"
    ),
    ".number": "Number of the entry in its journal: given once, without gaps. 序号",
    ".id": "Unique in its gateway: the key is (gateway, id). The same entry sent again has the same id: store it once. 编号, 重发时不变",
    ".at": "When it was written down. 时间",
    ".kind": "What it is about, for instance person.sos. New kinds may come at any time: show one you do not know as P3. 类别",
    ".priority": "How urgent it is; go by this, not by the kind. 优先级",
    ".codes": "The same kind in other vocabularies. 其他标准的代码",
    ".device": "Id of the device in this home; empty where it is not about one. 设备编号",
    ".room": "Where the device is. 房间",
    ".evidence": "Readings that the judgement rests on, oldest first. 依据",
    ".by": "Who or what caused this entry: a name, a device, `rule`, `platform`. 操作人",
    ".reason": "Why, as given or as a fixed word. 原因",
    "AlarmMessage.alarm": "Id of the alarm: all entries with it are one incident. 警报编号",
    "AlarmMessage.alarm_number": "The alarm's short number in this home, for people on the telephone. 家庭内警报号",
    "AlarmMessage.state": "Where the response stands after this entry. 处置状态",
    "AlarmMessage.move": (
        "What happened: danger, raise, expire, confirm, cancel, acknowledge, dispatch, decline, recall, arrive, lapse, "
        "close change the state; "
        "call, call_accepted, call_failed, count, clear, receipt, shown (a badge shows that who said so by SMS is there), silence, silence_over, well (the resident pressed: I am well, after "
        "the grace) and whatever else comes do not. 动作"
    ),
    "AlarmMessage.before": "The state before this entry; null where the alarm is new. 之前状态",
    "AlarmMessage.test": "True: a test. Never send anybody out for it, never count it as a real one. 测试标记",
    "AlarmMessage.condition": "Whether what caused it lasts. Cleared closes nothing: a person or a rule does. 现场情况是否仍在",
    "AlarmMessage.masking": (
        "What keeps it quiet in the home. The ladder goes on all the same; silence ends with the next change of state. 静音或搁置"
    ),
    "AlarmMessage.stages": (
        "First time of each stage: danger 出现危险, alarm 发出警报, push 数据推送 (the first receipt), answered 应答, dispatch 派人救助, "
        "withdrawn 改派或召回 (whoever was sent declined, or was called back), arrival 到场, closed 结束, cancelled 撤警."
    ),
    "AlarmMessage.rung": "Which rung of the household's ladder was called last; 0 is the platform. 呼叫级",
    "AlarmMessage.calls": "Who was called, in order; of a long list the first ones and the newest. 呼叫记录",
    "AlarmMessage.responder": "Who is sent; from `on_site` on who is there, as far as it was said. 救助人员, 到场后为到场人员",
    "AlarmMessage.expected_s": (
        "Seconds within which the responder is expected, never less than `expect_least`; 0: the gateway's own table holds. 预计到场秒数"
    ),
    "AlarmMessage.count": "How often the danger was seen, the first time included; each SOS press while the alarm is open counts. 次数",
    "AlarmMessage.grace_s": "Seconds in which the resident may cancel, from the stage `danger` on; 0: none. 撤警时间",
    "AlarmMessage.since_mono": "When the state was entered, in monotonic seconds of `at.boot`. For the gateway's own restart.",
    "AlarmMessage.called_mono": "When somebody was last called, in monotonic seconds of `at.boot`. For the gateway's own restart.",
    "AlarmMessage.answered_mono": "Since when somebody has it, in monotonic seconds of `at.boot`. For the gateway's own restart.",
    "AlarmMessage.silenced_mono": "When it was silenced, in monotonic seconds of `at.boot`. For the gateway's own restart.",
    "AlarmMessage.lapsed": (
        "True: an answer came to nothing in its time, or help was withdrawn twice. From then on neither acknowledge nor dispatch by the "
        "platform stops a call; an arrival does, and whoever says so in the home. 应答曾失效"
    ),
    "AlarmMessage.vouched": "True: the newest move of `state` was made by somebody in the home, not by the platform. 家中人员操作",
    "AlarmMessage.calls_made": "How many calls were made so far, also those that stand in `calls` no more. 呼叫次数",
    "AlarmMessage.outcome": "How it ended; null until it is closed. 结果",
    "AlarmMessage.listed": "True: it can wait for today's list, which is read once a day (a door left open by day). 记入今日清单",
    "AlarmMessage.linked": (
        "Id of the alarm of the same kind and device before this one: it ended in the last 24 h (of a detector, "
        "`env.`: whenever), or somebody has it. Empty: none. "
        "关联的上一警报"
    ),
    "AlarmMessage.state_by": "Who or what made the last move of `state`. 状态操作人",
    "AlarmMessage.state_reason": "Why the last move of `state` was made. 状态原因",
    "FaultMessage.turn": "Begun, said again while it lasts, ended, or told once with nothing to end. 故障进展",
    "FaultMessage.detail": "Figures and words about it, by name; units stand in the names. More may come. 详情",
    "FaultMessage.fault_class": (
        "How a desk deals with it: now (told at once), list (stands on today's list, read once a day) or figure "
        "(counted for the month); empty from earlier software, and more may come: take what you do not know as now. 处理方式"
    ),
    "FaultMessage.test": "True: a walk test did it. Never send anybody out for it, never count it as a real one. 测试标记",
    "ResultMessage.instruction": "Id of the instruction that this answers. 指令编号",
    "ResultMessage.do": "What was wanted. 指令",
    "ResultMessage.by": "Who gave the instruction. 操作人",
    "ResultMessage.accepted": "True: it took effect. False: nothing happened, `refused` says why. 是否接受",
    "ResultMessage.refused": "Why not, as a fixed word; empty where it was accepted. 拒绝原因",
    "ResultMessage.zh": "Why not, in Chinese. 中文说明",
    "ResultMessage.en": "Why not, in English.",
    "ResultMessage.alarm": "Id of the alarm that it was about or that it opened (test); may be empty. 警报编号",
    "ResultMessage.state": "State of that alarm now; empty where there is none. 警报当前状态",
    "ResultMessage.device": "The device named in the instruction. 设备编号",
    "ResultMessage.reason": "The reason given in the instruction. 原因",
    "ResultMessage.seconds": "The seconds given in the instruction. 秒数",
    "ResultMessage.problems": "What is wrong with a change that was refused, field by field. 各字段的问题",
    "ResultMessage.sent": (
        "For resend: how many entries were sent again. Fewer than asked for: the others are not kept any more. 已重发条目数"
    ),
    "ResultMessage.revision": "Revision of the household after a change; 0 where there was none. 配置版次",
    "Trouble.section": "Section of the configuration: device, ladder, times, platform, rooms, household, consent, sound. 部分",
    "Trouble.item": "Id of the device, or number of the rung from 1; empty where there is one only. 项",
    "Trouble.field": "The field. 字段",
    "Trouble.zh": "What is wrong with it and what is wanted, in Chinese. 中文说明",
    "Trouble.en": "What is wrong with it and what is wanted, in English.",
    "ReadingBatch.history": "Name of the database that numbers the batches; a new one begins at 1 again. 历史库编号",
    "ReadingBatch.batch": "Number of the batch: without gaps. One that never comes was forgotten, and a fault entry says so. 批号",
    "ReadingBatch.readings": "The readings, oldest first. 读数",
    "OneReading.kind": "What was measured; units stand in the name (temperature_c). 测量项",
    "OneReading.value": "Its value. 数值",
    "OneReading.at": "When it was heard. 时间",
    "OneReading.index": "Which button, door or probe of the device, from 1. 序号",
    "OneReading.label": "Name of a measure that has no kind of its own; empty otherwise. 名称",
    "Status.online": "Whether the gateway is connected to the broker. 是否在线",
    "Status.reason": (
        "connected, stopped (it said good-bye), lost (last will: the broker noticed), storage or conflict (it is there, and has begun "
        "another journal). 原因"
    ),
    "Status.software": "Version of the gateway's software. 软件版本",
    "Status.boot": "Name of the power-up. 开机编号",
    "Status.journal": "Name of the journal at the time of connecting; may be empty. 日志编号",
    "Status.at": "When it was written; in a last will, when the connection was made. 时间",
    "Heartbeat.every_s": "Seconds until the next one. Call the home offline after three that did not come. 心跳间隔",
    "Heartbeat.last_number": "Number of the newest entry: what you lack up to here is still to come or lost. 最新序号",
    "Heartbeat.waiting": "Entries without receipt. 待确认条目数",
    "Heartbeat.waiting_batches": "Batches of readings without receipt. 待确认批数",
    "Heartbeat.open_alarms": "Alarms neither closed nor cancelled. 未结束警报数",
    "Heartbeat.faults": "Faults that are on, as kind or kind:device. 当前故障",
    "Heartbeat.receipts": "`broker`: this gateway counts the broker's word instead of your receipts, a weaker promise. 回执方式",
    "Heartbeat.head": "Hash of the entry `last_number`, made as `previous` is: it vouches for the whole journal. 最新记录的哈希",
    "HomeMessage.household": "Number of the household at the platform, as the technician typed it; may be empty. 住户编号",
    "HomeMessage.area": "Area of the home, as page or gateway.toml has it; empty where nobody has set it. 片区",
    "HomeMessage.cell": "Cell of that area, as page or gateway.toml has it; empty where nobody has set it. 网格",
    "HomeMessage.software": "Version of the gateway's software. 软件版本",
    "HomeMessage.revision": "Revision of the household's configuration; 0: nobody has changed it on the page. 配置版次",
    "HomeMessage.timezone": "Time zone of the home, a name such as Asia/Shanghai. 时区",
    "HomeMessage.devices": "Every enrolled device. 设备",
    "HomeMessage.ladder": "Who is called after you, rung 1 first, without names. 呼叫顺序",
    "HomeMessage.away_left_s": "Seconds for which nobody is at home, from `at` on; 0: somebody is. 离家剩余秒数",
    "HomeMessage.shelved": "Devices that are not judged now. 搁置中的设备",
    "HomeMessage.alarms": "Open alarms, the most urgent and newest first, 50 at most. 未结束的警报",
    "HomeMessage.last_number": "Number of the newest entry when it was written: `alarms` is how they stood then. 当时最新序号",
    "HomeMessage.left_out": "Devices and alarms that are not named for want of room; 0: all are. 未列出的项数",
    "HomeDevice.model": "Its make, a word of the gateway's list. 型号",
    "HomeDevice.means": (
        "What it is there for: kinds of readings (fall, contact_open ...), what its buttons mean (sos, help, cancel, request, nothing), "
        "bed, left_open; badge alone: of somebody who comes. More may come. 用途"
    ),
    "HomeDevice.supervised": (
        "Whether its silence is noticed: supervised within hours 监测在线; slow: a vital one, the next day 次日才知; "
        "unsupervised: never 无法监测在线."
    ),
    "HomeDevice.battery_pct": "What it said last of its battery since the gateway's start; null: nothing. 电量",
    "HomeDevice.battery_low": "True: a low battery is told and has not ended. 电量低",
    "HomeDevice.missing": "True: it is told as missing. 失联",
    "HomeDevice.heard": "The hour in which it was heard last, RFC 3339 in UTC; empty: not since the start. 最近一次信号(整点)",
    "HomeRung.role": "platform: you are to call somebody; person: a program in the home calls one; sounds: it makes a noise. 角色",
    "HomeRung.wait_s": "Seconds until the next rung; 0: the gateway's own table holds. 等待秒数",
    "HomeShelf.left_s": "Seconds that are left, from `at` on. 剩余秒数",
    "HomeAlarm.alarm": "Id of the alarm. 警报编号",
    "HomeAlarm.state": "Where the response stands. 处置状态",
    "HomeAlarm.test": "True: a test. 测试标记",
    "HomeAlarm.silenced": "True: silenced in the home; its ladder goes on. 已静音",
    "Receipt.journal": (
        "The journal that the entries name; without entries any. One that the gateway does not know is passed over. 日志编号"
    ),
    "Receipt.head": (
        "The newest entry that you have of this gateway, of whatever journal; or, where an entry has come whose number you have with "
        "other bytes, the one that you have. Only to a gateway that says a `generation`: older ones refuse what they do not know. "
        "平台所存的最新记录"
    ),
    "Head.journal": "The journal it is of. 日志编号",
    "Head.generation": "The `generation` that it said; 0 where it said none. 代次",
    "Head.number": "Its number. 序号",
    "Head.hash": "The first 32 hex digits of SHA-256 over its payload, byte for byte as it came. 哈希",
    "Receipt.entries": "Inclusive ranges [first, last] of entry numbers that are safely recorded. 已入库的序号区间",
    "Receipt.history": "The history whose batches these are. 历史库编号",
    "Receipt.batches": "Inclusive ranges [first, last] of batch numbers that are safely recorded. 已入库的批号区间",
    "InstructionMessage.id": (
        "Given by you, unique for ever. Sent again, the instruction has the same id and content (its times may be new): "
        "it takes effect once and its result is sent again. With another content it is refused as `id_reused`; "
        "as `answer_lost` where its result is not kept any more. 指令编号, 重发不变, 不可再用"
    ),
    "InstructionMessage.do": "What is to be done. 指令",
    "InstructionMessage.by": "Name of the person, or of the desk, who is answerable for it. 操作人",
    "InstructionMessage.alarm": "Id of the alarm: for acknowledge, dispatch, decline, recall, arrive, close, silence. 警报编号",
    "InstructionMessage.device": "Id of the device: for shelve, confirm and walk; may be given for test. 设备编号",
    "InstructionMessage.step": "For walk: what is pulled for the whole home, mains or uplink, in the place of a device; drill: with a button, the first responder is called, as a drill. 步骤",
    "InstructionMessage.reason": "Why: for shelve it must be given. 原因",
    "InstructionMessage.outcome": (
        "For close: one of the outcomes; `test` for a test, and for the alarm of a device that was enrolled within the hour before; "
        "refused for any other. 结果"
    ),
    "InstructionMessage.responder": (
        "For dispatch: who is sent. For arrive: who is there, where that is not who was sent. 救助人员"
    ),
    "InstructionMessage.journal": "For resend: the journal whose entries are wanted. 日志编号",
    "InstructionMessage.from": "For resend: number of the first entry wanted. 起始序号",
    "InstructionMessage.to": "For resend: number of the last entry wanted; at most 1000 in one order. 结束序号",
    "InstructionMessage.seconds": (
        "For dispatch: until the responder is expected, 0 for the gateway's own time. "
        "For shelve, away, walk and window: for how long, 0 ends it. For configure: for how long the first press of a button "
        "that it enrols is waited for, which is a test. 秒数"
    ),
    "InstructionMessage.port": "For ask_port: the serial port. 串口",
    "InstructionMessage.settings": "For adjust: values by name, as they were typed; none = all are read. 雷达设置",
    "InstructionMessage.revision": "For configure and commissioned: the revision of the household that the technician saw. 所见配置版次",
    "InstructionMessage.change": "For configure: the change. For platform_test: the settings to try; null for those in force. 修改内容",
    "InstructionMessage.secrets": (
        "For configure, platform_test and commissioned in the home: name of a file with keys, passwords or a signature, "
        "which never stand here. 密钥文件名"
    ),
    "Poll.wait_s": "For how many seconds you may hold the answer back while you have nothing to say. 可保持的秒数",
    "AnswerMessage.receipt": "What you have recorded, as over MQTT: what is not named here is sent again. 回执",
    "AnswerMessage.instructions": "Orders, in any answer; each is obeyed once per `id`. 指令",
    "AnswerMessage.platform": "Whether you give receipts now, as over MQTT; it holds until you say otherwise. 平台是否在线",
    "PlatformMessage.online": "Whether the platform gives receipts now. False: its last will, or it says good-bye. 平台是否在线",
    "PlatformMessage.reason": "Why, for people. 原因",
    "PlatformMessage.readings": "False: you want no `readings`; they stay in the home. 是否需要例行读数",
    "PlatformMessage.at": "RFC 3339: when it was written; for people. 时间",
    "ChangeMessage.what": "What is changed. 修改项",
    "ChangeMessage.value": "Its new value; the form of each stands in docs/integrator.md. 新值",
    "InstructionMessage.expires": (
        "RFC 3339 with zone; later than this it is refused. Empty: never. With a clock that is not sure, acknowledge, dispatch, decline "
        "and arrive are carried out all the same; close, recall, silence, shelve and away are refused as late where this is before "
        "the newest "
        "time that was ever confirmed, and else as undecided unless `boot` or an alarm that began in this power-up proves that they are "
        "not old. 失效时间"
    ),
    "InstructionMessage.issued": (
        "RFC 3339 with zone: when the order was given. shelve and away are late when their `seconds` from then on are over; close, "
        "recall and silence without `expires` are good for 6 hours. Each of these names `issued` or `expires`, or is refused as "
        "missing_field; only one about an alarm that began in this power-up less than 6 hours ago may go without. 下达时间"
    ),
    "InstructionMessage.boot": (
        "`boot` of the newest message that you have from this gateway: proves that an order is not from before its last power-up. "
        "所见开机编号"
    ),
    "When.boot": "Name of the power-up: monotonic times compare only within one. 开机编号",
    "When.mono": "Monotonic seconds in that power-up: never jumps; use it for durations. 单调时间",
    "When.wall": "Wall time, RFC 3339 in UTC. 世界时",
    "When.clock": "How good the wall time is. 时钟质量",
    "Codes.ieee_11073_10471": "Code of ISO/IEEE 11073-10471.",
    "Codes.scaip_device": "Device type code of SCAIP.",
    "Codes.scaip_status": "Status code of SCAIP.",
    "Called.rung": "Rung of the ladder, 0 is the platform. 呼叫级",
    "Called.responder": "Who or what was called. 被呼叫者",
    "Called.channel": "How: platform, program. 渠道",
    "Called.reason": (
        "Why just then: raised, no_receipt, platform_away (it said itself that it is), "
        "not_acknowledged, together, call_failed, nobody_dispatched, not_arrived, repeat, pressed_again, "
        "interrupted (a restart), ladder_changed, asked (a responder who has not arrived), recalled (one who need not come), "
        "not_closed. 原因"
    ),
    "Called.at": "When. 时间",
    "Called.delivery": "How far the call got. 送达情况",
    "Called.entry": "Which entry of the ladder: another name, channel or number is another entry. 呼叫项",
    "Called.round": "How often the ladder had begun again with its first person. 第几轮",
    "Called.mono": "When, in monotonic seconds of the entry's own `at.boot`. For the gateway's own restart.",
    "Proof.kind": "What the device said. 测量项",
    "Proof.value": "Its value. 数值",
    "Proof.at": "When it was heard. 时间",
    "Proof.flagged": "True: that it is fresh could not be proved, for instance without encryption. 未能证明是新信号",
}
# What a type is, where its docstring says less.
TYPES: Final[Mapping[str, str]] = {
    "Priority": "P1 life, act now; P2 somebody must look soon; P3 protection reduced, hours or days; P4 information.",
    "When": "A moment: power-up, monotonic seconds in it, wall time (RFC 3339, UTC), and how good the wall time is.",
    "AlarmMessage": "An alarm after one move. The highest (generation, number) of an alarm id says how it stands; `stages` has the first time of each.",
    "FaultMessage": "Technical trouble: begun, said again, ended, or told once. A kind that is not in the table is shown as P3.",
    "ResultMessage": "What came of an instruction: `accepted`, or the reason as a fixed word and a sentence in both languages.",
    "ReadingBatch": "Routine readings in a numbered batch. A gap in the numbers is a loss, and `forgotten` of a fault entry says which.",
    "Status": "Retained. `online` false comes from the broker as last will, or from the gateway when it stops.",
    "HomeMessage": "Retained: what is in the home. Told after connecting, after a change, and every six hours; no names of people.",
    "Receipt": "The platform has recorded these entries (inclusive ranges of numbers of `journal`) and batches (of `history`).",
    "Poll": "Over HTTP only: asks what you have to say. It may be answered at once, or held back for `wait_s`.",
    "AnswerMessage": "Over HTTP only: what you answer, with 200, to each message that is posted. An empty body says nothing.",
    "PlatformMessage": "Retained, one for all gateways, and the last will of the platform's process that gives receipts: whether it is there.",
    "InstructionMessage": "What the platform tells the gateway. Sent again with the same `id` until the result with that id comes; acted on once.",
}
# What each order does.
DO: Final[Mapping[Do, str]] = {
    Do.ACKNOWLEDGE: "I have it 应答",
    Do.DISPATCH: "responder is on the way 派人",
    Do.DECLINE: "cannot come 不能前往",
    Do.RECALL: "whoever is on the way need not come 召回",
    Do.ARRIVE: "is there 到场",
    Do.CLOSE: "it is over 结束",
    Do.SILENCE: "quiet in the home, nothing else 静音",
    Do.SHELVE: "do not judge a device for a while 搁置",
    Do.TEST: "open a test alarm 测试",
    Do.AWAY: "nobody is at home for a while 外出",
    Do.CONFIRM: "a technician has looked at a device, after an old signal only in the home 确认设备",
    Do.RESEND: "send entries `from` to `to` of `journal` once more 重发记录",
    Do.CONFIGURE: "change the configuration 修改配置",
    Do.WALK: "what a device says for a while is a test 现场测试",
    Do.COMMISSIONED: "a technician signs the certificate 开通验收",
    Do.BACKUP: "a sealed file 备份",
    Do.TAKE_OVER: "become another home's gateway 接替",
    Do.WINDOW: "tell what the radio hears 搜索设备",
    Do.ASK_PORT: "which wired device is at a port 查询串口",
    Do.ADJUST: "set a radar and read back 设置雷达",
    Do.PLATFORM_TEST: "try the way to the platform 测试平台",
    Do.SOUND_TEST: "let the home be heard, without an alarm 试听",
    Do.CALL_TEST: "try the program of one rung 试叫",
}
# The values of each enumeration.
VALUES: Final[Mapping[str, str]] = {
    "Priority": "1 life, act now 立即; 2 somebody must look soon 尽快; 3 protection reduced, hours or days 数天内; 4 information 信息.",
    "Quality": (
        "synchronised: a time server agrees 已同步; unsure: plausible, nobody confirmed it 未确认; "
        "wrong: earlier than what has already happened 错误."
    ),
    "State": (
        "pre_alarm 出现危险 (the resident may cancel); raised 发出警报; acknowledged 已应答; dispatched 已派人; on_site 已到场; "
        "closed 结束; cancelled 已撤警 (by the resident, or by rule: over within its grace)."
    ),
    "Masking": "none 无; silenced 已静音; shelved 已搁置.",
    "Delivery": (
        "waiting: written down, not yet told 待发; sent: broker or program has it 已发; "
        "held: not told, for a test or because somebody had it before 不发; "
        "accepted 已接受; failed 失败."
    ),
    "Outcome": (
        "rescued 获救; helped 已帮助; no_help_needed 无需帮助; false_alarm 误报; test 测试; device_fault 设备故障; away 外出; unknown 不明."
    ),
    "Turn": "raised: begun 发生; repeated: lasts 持续; cleared: ended 恢复; noted: told once, nothing to end 记录.",
    "Do": "; ".join(f"{do}: {words}" for do, words in DO.items()) + ".",
    "Refused": (
        "Empty: not refused; unknown_alarm: not of this home, or ended so long ago, or in an earlier journal, "
        "that it is not known any more; "
        "alarm_ended: it is over already (`state` is closed); unknown_device; "
        "unknown_journal: none that this gateway has; busy: another resend is not over; "
        "not_allowed: the state does not permit it; "
        "missing_field; too_long; platform_only; expired; undecided: "
        "the clock is not confirmed, so nobody can know whether it is late; bad_message; "
        "local_only: only from the technician's page in the home; "
        "id_reused: this id was used for another order, send it under a new one; "
        "answer_lost: answered before, nothing is done again, and the answer is not kept any more: see how things stand first; "
        "changed_meanwhile: somebody else has changed it; invalid: see `problems`; not_kept: could not be written."
    ),
    "What": (
        "put_device: add a device or change one 添加或修改设备; retire_device 停用设备; replace_device: other hardware, same id 更换设备; "
        "set_rooms 房间; set_household 住户; set_platform 平台; set_ladder 派人顺序; set_times 时间; set_sound 声音; set_silence 先问一声; "
        "set_phrase: a phrase of the home's voice is recorded, or as it was shipped 录音; "
        "set_consent 同意与保存期, "
        "set_dangers 不判断的危险; set_rules: dangers and times in one 规则和时间; "
        "undo: the last change is taken back 撤销上一次改动."
    ),
}
