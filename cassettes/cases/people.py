"""Who and what was recorded, by the names that cases use."""

from __future__ import annotations

ANN, BOB, VIP = "ann@example.org", "bob@example.org", "vip.customer@megacorp.example"
BOB_VISIT = "4113712955676316674"  # a checkout that fails: an error, a failed request, twins, ties
BOB_PAYING = "4113715799632532494"  # its requests hold a card number
GINA_VISIT = "4113713462499234823"  # labels, search words and property names with HTML in them
HARRY_VISIT = "4113712592869020672"  # texts that try to give orders to an agent
UNICODE_VISIT = "4113713686139524106"
UNICODE_VISITOR = "用户42"
LONG_VISIT = "4087889333946689575"  # 53 events: more than fit a brief answer
LIVE_VISIT, NO_VISIT = "4113731156539757585", "4113712955676316675"

BY_ID = {"sort": "user_id", "order": "desc"}  # the server's own order, in which the users were recorded
SINCE_OCTOBER = {"since": "2026-10-20 17:00"}  # the start of the recorded windows; they end after the last recording
PURCHASES = {"events_since": "1792515600000", "events_until": "1795300000000"}
NOT_FOUND, PLAIN = "404 page not found\n", "text/plain; charset=utf-8"
WRONG_KEY = {"api_key": "a-key-that-nobody-issued"}
WRONG_PASSWORD = {"password": "nope"}
NO_RETRIES = {"retries": 0}

THERE = "recorded for the other project"
