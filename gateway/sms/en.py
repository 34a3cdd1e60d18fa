"""What an SMS says, in English, by the name of each phrase. 160 plain characters are one SMS."""

PHRASES = {
    "test": "DRILL ",
    "alarm": "{kind}: ",
    "fault": "Device: {kind}, ",
    "recalled": "You need not come any more, thank you.",
    "stop": ". ",
    "answer": "Reply {code} 1 15 = there in 15 min, {code} 2 = cannot, {code} 3 = false alarm",
    "closing": "When it is over reply {code} 4",
    "reason.not_arrived": "Who was on the way has not arrived. ",
    "reason.nobody_dispatched": "Nobody is on the way yet. ",
    "reason.pressed_again": "Help was called again. ",
    "reason.asked": "Are you not there yet? ",
    "reason.not_closed": "Somebody is there, it is not over yet. ",
    "self": "Self-test of the gateway, no answer needed.",
}
