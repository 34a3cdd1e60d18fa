"""What a technician sets on the page: the home as it is kept in `household.json`, and the changes that make it another.

A section that stands in the household takes the place of the same section of gateway.toml. The page changes it by the
instruction `configure` at the local door, one change at a time:

    {"v": 1, "gateway": "gw-7c3e91", "id": "page-0007", "do": "configure", "by": "Li", "revision": 7,
     "change": {"what": "put_device", "value": {...}}, "secrets": "page-0007"}

`revision` is that of the household the technician saw (0 = there was none yet); with another one the change is refused as
`changed_meanwhile`. The values:

    put_device      a [[device]]: {"id": "bath-button", "model": "shelly-blu-button", "room": "浴室", "address": "AA:BB:CC:DD:EE:FF",
                    "buttons": {"1": "sos"}}; also port, via, codes, bed, left_open, missing_after. Adds it, or changes the one
                    with this id
    retire_device   {"id": "bath-button"}: its faults end, its open alarms stay open
    replace_device  {"id": "bath-button", "address": "AA:BB:CC:DD:EE:00"}: other hardware under the same id; also model, port, via,
                    codes. Its counters begin anew. Without a new key the old one is forgotten
    set_rooms       {"rooms": ["浴室", "卧室"]}: every device's room must be one of them
    set_household   {"number": "H-0451", "timezone": "Asia/Shanghai", "night": ["22:00", "06:00"]}: what is left out stays
    set_platform    a [platform]: {"host": "...", "port": 8883, "tls": true, "username": "...", "version": "auto", "receipts":
                    "platform", "ca": "-----BEGIN ...", "certificate": "-----BEGIN ..."}; certificates are their PEM text, "" = none
    set_ladder      {"ladder": [{"responder": "网格员", "channel": "platform", "wait": 120}]}: all rungs after the platform
    set_times       {"grace_fall": 20}: all times that differ from the defaults
    set_sound       {"pre_alarm": ["/path", "argument"], "alarm": []}
    set_consent     {"activity": true, "climate": true, "vital_signs": false, "history_days": 30, "journal_days": 730}: what is left
                    out stays

Keys and passwords never stand in an instruction. `secrets` names a file in the folder `handed` of the state folder (mode 0600,
owned by the service's user), which the daemon deletes once the instruction is answered:

    put_device, replace_device   {"key": "hexadecimal digits"} and, for another program's broker, {"password": "..."}
    set_platform                 {"password": "...", "certificate_key": "-----BEGIN ..."}; what is left out stays, "" takes it away

The result has `accepted` and the new `revision`, or `refused`: changed_meanwhile (who and when), invalid (with `problems`, each with
section, item, field, zh and en), not_kept (the disk took nothing). A program of `set_sound` or of a rung must stand in the
folder `programs` of [gateway], or in gateway.toml already: the page may choose what sounds, not what runs.

    {"do": "walk", "device": "bath-button", "seconds": 300}    under walk test for at most 300 s; "seconds": 0 ends it
    {"do": "window", "seconds": 240}                           the hearing window; 0 ends it
    {"do": "platform_test", "change": {"what": "set_platform", "value": {...}}, "secrets": "..."}   both may be left out

Walk test and platform test tell how they went by a fault entry `service.visit` with `detail.what` "walk" or "platform_test", and
while they run by the parts `walk` and `platform_test` of the status file.
"""
