"""What an SMS says, in Chinese, by the name of each phrase. 70 characters are one SMS."""

PHRASES = {
    "test": "【演练】",
    "alarm": "【{kind}】",
    "fault": "【设备】{kind}",
    "recalled": "不用来了, 谢谢。",
    "stop": "。",
    "answer": "回复 {code} 1 15=15分钟到, {code} 2=去不了, {code} 3=误报",
    "closing": "处理完请回复 {code} 4",
    "reason.not_arrived": "在路上的人没有到。",
    "reason.nobody_dispatched": "还没有人去。",
    "reason.pressed_again": "又求救了。",
    "reason.asked": "您还没有到?",
    "reason.not_closed": "有人到了, 还没有结束。",
    "self": "网关自检短信, 不用回复。",
}
