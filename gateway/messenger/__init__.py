"""A person, or a group, is informed by messenger or mail: WeCom, DingTalk, Feishu, PushPlus ...

`send.py` is the program that the daemon runs for it, as it runs any other program of an alarm;
`deliver.py` hands a message to the optional library apprise, in that process alone; `targets.py`
reads the secret file of addresses. Nobody answers by it.
"""
