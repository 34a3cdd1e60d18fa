"""The composition root: `build` names every part and hands each what it uses."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from datetime import UTC, datetime

from gateway.box import folders
from gateway.contract import wire
from gateway.hear.hearing import Ears
from gateway.hear.intake import Intake
from gateway.hear.replay import Replay
from gateway.hear.waiting_room import WaitingRoom
from gateway.hear.wired_setup import Fitting
from gateway.home.config import Config
from gateway.home.home import Home
from gateway.home.identity import identity
from gateway.home.news import News
from gateway.judge.badges import MARK as BADGES
from gateway.judge.faults.firsts import Firsts
from gateway.judge.faults.untold import Untold
from gateway.judge.notes import Notes
from gateway.judge.silence.kept import LINE
from gateway.judge.silence.kept import MARK as SILENCE
from gateway.judge.visits import MARK as VISITS
from gateway.keep.historian import Historian
from gateway.keep.recovery import opened, time_kept
from gateway.keep.stand_in import stand_in
from gateway.keep.storage import Storage, proved
from gateway.tell.answering import Answering
from gateway.tell.callers import Callers
from gateway.tell.channels import Channels
from gateway.tell.heartbeat import Heartbeats
from gateway.tell.inventory import Inventory
from gateway.tell.platform_test import Attempt
from gateway.tell.presence import Presence
from gateway.tell.proofs import MARK as PROVED
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tell.resend import Resend
from gateway.tell.uplink import Uplink
from gateway.tell.way import Way
from gateway.tend import inbound, marks, middle, pump, rearrange
from gateway.tend.acts import Acts, another
from gateway.tend.admission import Admission
from gateway.tend.attacks import Attacks
from gateway.tend.box_swap import BoxSwap
from gateway.tend.certifying import Certifying
from gateway.tend.daemon import Daemon
from gateway.tend.heard import Heard
from gateway.tend.inbound import Inbound, Inbox
from gateway.tend.lineage import Lineage
from gateway.tend.mailbox import Mailbox
from gateway.tend.orders import Orders
from gateway.tend.pump import Pump
from gateway.tend.rearrange import Rearrange
from gateway.tend.report import Report
from gateway.tend.rounds import MARK, Rounds
from gateway.tend.slip_box import SlipBox
from gateway.tend.supervision import Supervision
from gateway.tend.technician import Technician
from gateway.tend.turn import in_turn
from gateway.tend.upkeep import Upkeep
from gateway.tend.weekly import MARK as WEEK
from gateway.tend.weekly import Weekly
from gateway.words import kind
from gateway.words.clock import Clock, SystemClock, boot_name
from gateway.words.driver import Model
from gateway.words.say import Say

# the software is not older than this: no earlier clock can be right
MADE = datetime(2026, 11, 22, tzinfo=UTC)


def build(
    config: Config, models: Mapping[str, Model], clock: Clock | None = None, boot: str = ""
) -> Daemon:
    """Put one gateway together: the only place that names every part.

    `clock` and `boot` (the name of this power-up) are the machine's where they are not given.
    Raises BadDay, StoreProblem, OSError.
    """
    boot = boot or boot_name()
    replay = Replay(config.replay) if config.replay else None
    clock = replay.clock(boot) if replay else clock or SystemClock(MADE)
    config.runtime.mkdir(mode=0o750, parents=True, exist_ok=True)
    home = Home(config, identity(config))
    folders.opened_to_page(config.state)
    clock.restored(*time_kept(config.state))
    store, known, memories = opened(config.state, config.runtime, home.gateway, clock.now(), boot)
    wake, news = asyncio.Event(), News()
    # the middle
    faults, judge, pipeline = middle.middle_of(
        home,
        boot,
        store.marked("daily"),
        store.marked(VISITS),
        store.marked(BADGES),
        (store.marked(SILENCE), store.marked(LINE)),
    )
    notes = Notes(faults, pipeline.noticed, wake.set)
    fresh = functools.partial(middle.is_fresh, pipeline)
    waits = Untold(config.zone)
    storage = Storage(
        store,
        in_memory=store.folder != config.state,
        stand_in=functools.partial(stand_in, config.runtime, home.gateway),
        probe=functools.partial(proved, config.state, home.gateway),
        forgotten=lambda gone: notes.say(kind.FORGOTTEN, entries=gone),
    )
    historian = Historian(config.times.same_again, rearrange.withheld(config))
    store.readings.withhold(historian.withheld)
    lineage = Lineage(home=home, clock=clock, boot=boot, storage=storage, pipeline=pipeline)
    # what is heard
    room, firsts = WaitingRoom(wake.set), Firsts(store.marked("told"))
    intake = Intake(
        clock.now,
        faults.heard_at,
        room.put,
        firsts,
        walked=pipeline.walk_test.packet,
        proved=lambda device: notes.end(kind.REPLAYED, device),
        badge=pipeline.badges.heard,
    )
    for d in config.devices:
        rearrange.enrol(intake, d, memories.get(d.id, {}))
    ears = Ears(
        home,
        intake,
        models,
        clock,
        replay,
        alarm_is_fresh=fresh,
        radio_begins=functools.partial(middle.radio_begins, faults, clock),
        told=news.tell,
    )
    heard = Heard(
        room,
        historian,
        pipeline,
        Weekly(
            store.marked(WEEK),
            home=home,
            pipeline=pipeline,
            faults=faults,
            replays=replay is not None,
        ),
    )
    attacks = Attacks(faults)
    callers = Callers(
        functools.partial(middle.called, pipeline, notes, waits),
        night=functools.partial(middle.is_night, home, clock),
    )
    channels = Channels(home, clock, notes, pipeline, callers, fresh, store.marked(PROVED))
    answering = Answering(home, boot, pipeline, functools.partial(in_turn, notes))
    way, receipts = Way(), Receipts()
    push = Push(way, store, clock, functools.partial(wire.topic, home.gateway), None)
    admission = Admission(faults, notes, clock.now)
    presence = Presence(push, pipeline, admission.spare_word)
    inventory = Inventory(home, clock, storage, pipeline, intake.signals.charge)
    heartbeats = Heartbeats(home, clock, storage, pipeline)
    resend = Resend(home, notes, storage, pipeline, push, way)
    # what comes in at the doors
    orders = Orders(
        home=home, clock=clock, boot=boot, pipeline=pipeline, resend=resend, admission=admission
    )
    mailbox = Mailbox(
        home=home,
        orders=orders,
        admission=admission,
        pipeline=pipeline,
        storage=storage,
        lineage=lineage,
        presence=presence,
        receipts=receipts,
        push=push,
        untold=waits,
        wake=wake.set,
    )

    async def take_back(before: Config, why: Say) -> bool:
        return await technician.take_back(before, why)

    uplink = Uplink(
        home,
        clock,
        notes,
        pipeline,
        way=way,
        push=push,
        receipts=receipts,
        presence=presence,
        heartbeats=heartbeats,
        inventory=inventory,
        heard=mailbox.from_platform,
        refused=admission.bad_message,
        take_back=take_back,
    )
    upkeep = Upkeep(
        home=home,
        clock=clock,
        boot=boot,
        pipeline=pipeline,
        storage=storage,
        notes=notes,
        room=room,
        historian=historian,
        signals=intake.signals,
        receipts=receipts,
        push=push,
        report=lambda counts: report.status(counts, upkeep.card),
        fresh=fresh,
        wake=wake.set,
        told=news.tell,
        replays=replay is not None,
    )
    rounds = Rounds(
        store.marked(MARK),
        home=home,
        clock=clock,
        notes=notes,
        pipeline=pipeline,
        firsts=firsts,
        broker_ends=lambda: way.link.certificate_ends if way.link is not None else None,
        replays=replay is not None,
    )
    change = Rearrange(
        home=home,
        intake=intake,
        ears=ears,
        judge=judge,
        faults=faults,
        untold=waits,
        pipeline=pipeline,
        historian=historian,
        storage=storage,
        uplink=uplink,
        withdraw=upkeep.withdraw,
    )
    technician = Technician(
        home=home,
        models=models,
        clock=clock,
        boot=boot,
        replays=replay is not None,
        pipeline=pipeline,
        faults=faults,
        notes=notes,
        storage=storage,
        ears=ears,
        uplink=uplink,
        rearrange=change,
        callers=callers,
        channels=channels,
        certifying=Certifying(home, storage, clock, boot, pipeline, faults),
        swap=BoxSwap(home, models, clock, pipeline, faults, intake),
        attempt_of=functools.partial(
            Attempt,
            home=home,
            notes=notes,
            storage=storage,
            pipeline=pipeline,
            uplink=uplink,
            heard=mailbox.from_platform,
        ),
        fitting_of=lambda i, device: Fitting(
            i, models, device, lent=ears.lent, notes=notes, changed=upkeep.somebody_looks.set
        ),
    )
    box = Inbox(home, inbound.begin_of(store.marked("inbox"), config.page_folder))
    left = Inbound(box, orders, notes, technician.carry_out)
    slips = Inbound(
        SlipBox(home, faults, notes, clock), orders, notes, technician.carry_out, program=True
    )
    supervision = Supervision(
        home=home,
        clock=clock,
        pipeline=pipeline,
        storage=storage,
        ears=ears,
        intake=intake,
        attacks=attacks,
        untold=waits,
        callers=callers,
        push=push,
        way=way,
        asks=(left.ask, slips.ask),
    )

    report = Report(
        home, clock, boot, storage, pipeline, faults, intake, ears, channels, uplink, technician
    )
    mailbox.subscribe(technician.receipted)
    acts = Acts(home=home, clock=clock, intake=intake, uplink=uplink, untold=waits, callers=callers)
    turns = Pump(
        clock,
        pipeline,
        storage,
        notes,
        wake,
        pump.Parts(
            heard=heard,
            inlets=(mailbox,),
            looks=(
                supervision.hearing,
                rounds.look,
                heard.weekly.look,
                channels.look,
                supervision.store,
                supervision.refused,
                supervision.link,
            ),
            markers=(
                functools.partial(marks.of_middle, pipeline, firsts, waits, boot),
                lineage.marks,
                box.marks,
                technician.marks,
                rounds.marks,
                heard.weekly.marks,
                channels.proofs.marks,
            ),
            witnesses=(
                lambda _: news.tell(),
                lambda _: inventory.changed(),
                technician.committed,
                rounds.committed,
                acts.committed,
            ),
            chores=(upkeep.after,),
            memory=intake,
            receipts=receipts,
            succession=lineage,
            unsaved=lambda: waits.unsaved,
            last_heard=lambda now: {
                d: ago for d, ago in faults.silences.since_start(now).items() if d in intake.devices
            },
            judged=ears.hurry,
            offer=push.offer,
            another=functools.partial(another, storage, receipts, push, uplink),
        ),
    )
    return Daemon(
        home=home,
        boot=boot,
        clock=clock,
        replay=replay,
        known=known,
        wake=wake,
        news=news,
        storage=storage,
        faults=faults,
        pipeline=pipeline,
        notes=notes,
        intake=intake,
        historian=historian,
        callers=callers,
        channels=channels,
        answering=answering,
        ears=ears,
        lineage=lineage,
        upkeep=upkeep,
        rounds=rounds,
        untold=waits,
        attacks=attacks,
        supervision=supervision,
        way=way,
        push=push,
        receipts=receipts,
        presence=presence,
        inventory=inventory,
        heartbeats=heartbeats,
        resend=resend,
        mailbox=mailbox,
        uplink=uplink,
        rearrange=change,
        technician=technician,
        inbound=left,
        slips=slips,
        pump=turns,
    )
