"""Idempotency: what became of every client id, refusals included.

A retry of a command finds the first answer here; the same id with other content is refused by name. Entries stand in
a ring in order of time and are trimmed by venue time alone; the entry of an order that still rests is renewed
instead, so that an order can be named by its client id for as long as it lives.
"""

import numpy as np

from exchange.venue.schema import CLIENT_ID_RETENTION_NS, Command, Event
from kernels.compile import inlined
from kernels.intrinsics import hash_tag
from kernels.table import following, home, insert_entry, remove_entry
from matching.identifiers import find_slot
from matching.schema import NIL

WORDS_PER_RECORD = 8
ORDER_ID_WORD = 3
CLIENT_ID_WORDS = (4, 5)
TRIMMED_PER_TICK_MAX = 4_096
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)


@inlined
def content_of(batch, index, size):
    """A digest of what a command says, less its client id and the ids that new orders were given."""
    digest = record_content(FNV_OFFSET, batch, index, True)
    for at in range(index + 1, index + size):
        if batch.orders[at]["kind"] != Command.CONTINUATION:
            digest = record_content(digest, batch, at, False)
    return digest


@inlined
def record_content(digest, batch, index, is_head):
    """The digest of one more record."""
    kind = batch.orders[index]["kind"]
    names_new_order = kind == Command.PLACE or kind == Command.LEG
    for word in range(WORDS_PER_RECORD):
        is_client_id = is_head and word in CLIENT_ID_WORDS
        is_given_id = names_new_order and word == ORDER_ID_WORD
        if not is_client_id and not is_given_id:
            digest = (digest ^ batch.words[WORDS_PER_RECORD * index + word]) * FNV_PRIME
            digest ^= digest >> np.uint64(29)
    return digest


@inlined
def client_tag(account_id, client_id_high, client_id_low):
    """The hash of an account's client id."""
    return hash_tag(np.uint64(client_id_high) ^ (np.uint64(client_id_low) + np.uint64(account_id)) * FNV_PRIME)


@inlined
def find_client(state, account_id, client_id_high, client_id_low):
    """The ring position + 1 of an account's client id, or NIL."""
    tag = client_tag(account_id, client_id_high, client_id_low)
    at = home(state.client_table, tag)
    while True:
        slot = np.int64(state.client_table[at]["slot"])
        if slot == NIL:
            return slot
        entry = state.clients[slot - 1]
        if (
            entry["client_id_high"] == client_id_high
            and entry["client_id_low"] == client_id_low
            and entry["account_id"] == account_id
        ):
            return slot
        at = following(state.client_table, at)


@inlined
def is_full(state):
    """Whether no further client id can be remembered."""
    clock = state.clock[0]
    return clock["newest_client"] - clock["oldest_client"] >= np.uint64(len(state.clients))


@inlined
def remember(state, account_id, client_id_high, client_id_low, content, event):
    """Keep the outcome of a command for whoever sends it again. The caller has seen that there is room."""
    slot = take_newest(state)
    entry = state.clients[slot - 1]
    entry["client_id_high"] = client_id_high
    entry["client_id_low"] = client_id_low
    entry["content"] = content
    entry["sequence"] = event["sequence"]
    entry["order_id"] = event["order_id"]
    entry["time_ns"] = state.clock[0]["time_ns"]
    entry["quantity_lots"] = event["quantity_lots"]
    entry["leaves_lots"] = event["leaves_lots"]
    entry["account_id"] = account_id
    entry["instrument_id"] = event["instrument_id"]
    entry["price_ticks"] = event["price_ticks"]
    entry["reason"] = event["reason"]
    entry["outcome"] = event["kind"]
    insert_entry(state.client_table, client_tag(account_id, client_id_high, client_id_low), slot)


@inlined
def repeat(state, slot, event):
    """Answer a command that came again as it was answered first."""
    entry = state.clients[slot - 1]
    event["kind"] = Event.REPEATED
    event["original_kind"] = entry["outcome"]
    event["reason"] = entry["reason"]
    event["instrument_id"] = entry["instrument_id"]
    event["order_id"] = entry["order_id"]
    event["original_sequence"] = entry["sequence"]
    event["account_id"] = entry["account_id"]
    event["reserved"] = 0
    event["price_ticks"] = entry["price_ticks"]
    event["quantity_lots"] = entry["quantity_lots"]
    event["leaves_lots"] = entry["leaves_lots"]


@inlined
def trim(state):
    """Forget what is older than the retention, but not the ids of orders that rest; so many a tick at most."""
    clock = state.clock[0]
    for _ in range(TRIMMED_PER_TICK_MAX):
        if clock["oldest_client"] == clock["newest_client"]:
            return
        slot = ring_slot(state, clock["oldest_client"])
        entry = state.clients[slot - 1]
        if entry["time_ns"] > clock["time_ns"] - CLIENT_ID_RETENTION_NS:
            return
        tag = client_tag(entry["account_id"], entry["client_id_high"], entry["client_id_low"])
        remove_entry(state.client_table, tag, slot)
        clock["oldest_client"] += np.uint64(1)
        if names_resting_order(state, entry):
            renew(state, entry, tag)


@inlined
def names_resting_order(state, entry):
    """Whether this is the client id under which an order was placed that still rests."""
    return entry["outcome"] == Event.RESTED and find_slot(state.book, entry["order_id"]) != NIL


@inlined
def target_order_id(state, command):
    """The order that a cancel or replace means: by its id, or by the client id that it was placed with; 0 for none."""
    if command["order_id"] != 0 or command["target_high"] | command["target_low"] == 0:
        return command["order_id"]
    slot = find_client(state, command["account_id"], command["target_high"], command["target_low"])
    if slot == NIL or not names_resting_order(state, state.clients[slot - 1]):
        return np.uint64(0)
    return state.clients[slot - 1]["order_id"]


@inlined
def renew(state, entry, tag):
    """Enter an entry again as the newest."""
    slot = take_newest(state)
    if state.clients[slot - 1]["sequence"] != entry["sequence"]:
        copy_entry(entry, state.clients[slot - 1])
    state.clients[slot - 1]["time_ns"] = state.clock[0]["time_ns"]
    insert_entry(state.client_table, tag, slot)


@inlined
def copy_entry(source, target):
    """All fields of an entry."""
    target["client_id_high"] = source["client_id_high"]
    target["client_id_low"] = source["client_id_low"]
    target["content"] = source["content"]
    target["sequence"] = source["sequence"]
    target["order_id"] = source["order_id"]
    target["time_ns"] = source["time_ns"]
    target["quantity_lots"] = source["quantity_lots"]
    target["leaves_lots"] = source["leaves_lots"]
    target["account_id"] = source["account_id"]
    target["instrument_id"] = source["instrument_id"]
    target["price_ticks"] = source["price_ticks"]
    target["reason"] = source["reason"]
    target["outcome"] = source["outcome"]


@inlined
def take_newest(state):
    """The next slot of the ring."""
    clock = state.clock[0]
    slot = ring_slot(state, clock["newest_client"])
    clock["newest_client"] += np.uint64(1)
    return slot


@inlined
def ring_slot(state, position):
    """The slot (from 1) at a position that only grows."""
    return np.int64(position & np.uint64(len(state.clients) - 1)) + 1
