"""Reports that wait for their slots, and how many people's word becomes one figure: by its median.

A report hangs in a bucket by allocation and slot. When the slot is settled its reports go, so none counts twice.
"""

import numpy as np

from exchange.venue.clearing.delivery_schema import KEY_WORDS, REPORT_CAPACITY, REPORTERS_MAX, ReportOutcome
from exchange.venue.clearing.schema import SLOTS_MAX
from kernels.compile import inlined, kernel, outlined
from matching.schema import NIL

INTERRUPTION = 0
"""Stands in the place of a reporter where an allocation was interrupted."""


@inlined
def is_reporter(state, account_id):
    """Whether an account has a key for reports."""
    key = state.clearing.reporter_keys
    combined = np.int32(0)
    for word in range(KEY_WORDS):
        combined |= key[KEY_WORDS * account_id + word]
    return combined != 0


@inlined
def bucket_of(allocation_id, slot):
    """Where reports of a slot hang: those of one allocation in places side by side."""
    return (np.int64(allocation_id) * SLOTS_MAX + np.int64(slot)) & (REPORT_CAPACITY - 1)


@inlined
def has_room(state):
    """Whether one report more can wait."""
    return state.clearing.desk[0]["live_reports"] < REPORT_CAPACITY


@outlined
def enter_report(state, allocation_id, slot, reporter_id, measured_lots, latency_us, loss_ppm):
    """Keep a report until its slot is settled; the caller knows that there is room."""
    desk, reports = state.clearing.desk[0], state.clearing.reports
    at = np.int64(desk["free_report"])
    if at != NIL:
        desk["free_report"] = reports[at]["next"]
    else:
        at = np.int64(desk["fresh_report"])
        desk["fresh_report"] = at + 1
    desk["live_reports"] += 1
    report = reports[at]
    report["allocation_id"] = allocation_id
    report["slot"] = slot
    report["reporter_id"] = reporter_id
    report["measured_lots"] = measured_lots
    report["latency_us"] = latency_us
    report["loss_ppm"] = loss_ppm
    bucket = bucket_of(allocation_id, slot)
    report["next"] = state.clearing.report_buckets[bucket]
    state.clearing.report_buckets[bucket] = at


@outlined
def find_report(state, allocation_id, slot, reporter_id):
    """What an account has reported of a slot, or NIL."""
    at = np.int64(state.clearing.report_buckets[bucket_of(allocation_id, slot)])
    while at != NIL:
        report = state.clearing.reports[at]
        if is_of(report, allocation_id, slot) and report["reporter_id"] == reporter_id:
            return at
        at = np.int64(report["next"])
    return np.int64(NIL)


@outlined
def count_reports(state, allocation_id, slot):
    """How many have reported of a slot."""
    count = np.int64(0)
    at = np.int64(state.clearing.report_buckets[bucket_of(allocation_id, slot)])
    while at != NIL:
        report = state.clearing.reports[at]
        if is_of(report, allocation_id, slot) and report["reporter_id"] != INTERRUPTION:
            count += 1
        at = np.int64(report["next"])
    return count


@inlined
def is_of(report, allocation_id, slot):
    """Whether a report is of a slot of an allocation: others may share its bucket."""
    return report["allocation_id"] == allocation_id and report["slot"] == slot


@inlined
def compare(report, command):
    """Whether a reporter says again what it has said before, or something else."""
    is_same = report["measured_lots"] == command["measured_lots"] and report["loss_ppm"] == command["loss_ppm"]
    if is_same and report["latency_us"] == command["latency_us"]:
        return np.int64(ReportOutcome.DUPLICATE)
    return np.int64(ReportOutcome.CONFLICTING)


@outlined
def take_reports(state, allocation_id, slot):
    """Take all that was reported of a slot onto the panel; return how many did, and whether it was interrupted."""
    clearing = state.clearing
    bucket = bucket_of(allocation_id, slot)
    count, is_interrupted = np.int64(0), False
    previous, at = np.int64(NIL), np.int64(clearing.report_buckets[bucket])
    while at != NIL:
        report = clearing.reports[at]
        following = np.int64(report["next"])
        if not is_of(report, allocation_id, slot):
            previous = at
        else:
            if report["reporter_id"] == INTERRUPTION:
                is_interrupted = True
            else:
                sort_in(clearing.panel, 0, count, np.int64(report["measured_lots"]))
                sort_in(clearing.panel, REPORTERS_MAX, count, np.int64(report["latency_us"]))
                sort_in(clearing.panel, 2 * REPORTERS_MAX, count, np.int64(report["loss_ppm"]))
                count += 1
            unhook(clearing, bucket, previous, following)
            free_report(clearing, at)
        at = following
    return count, is_interrupted


@inlined
def unhook(clearing, bucket, previous, following):
    """Let a bucket go on behind a report that is taken out."""
    if previous == NIL:
        clearing.report_buckets[bucket] = following
    else:
        clearing.reports[previous]["next"] = following


@inlined
def free_report(clearing, at):
    """Give the place of a report back."""
    desk = clearing.desk[0]
    clearing.reports[at]["allocation_id"] = 0
    clearing.reports[at]["next"] = desk["free_report"]
    desk["free_report"] = at
    desk["live_reports"] -= 1


@inlined
def sort_in(panel, first, count, figure):
    """Put a figure among so many sorted ones of the panel."""
    at = first + count
    while at > first and panel[at - 1] > figure:
        panel[at] = panel[at - 1]
        at -= 1
    panel[at] = figure


@inlined
def median(panel, first, count):
    """The median of so many figures of the panel, of two in the middle the lower.

    So it is a figure that somebody measured, without a division. As long as those who lie are a minority, both in the
    middle lie between two honest figures, so that either would do.
    """
    return panel[first + (count - 1) // 2]


@kernel
def restore_reports(clearing, rows):
    """Hang up the reports of an image again."""
    for at in range(len(rows)):
        bucket = bucket_of(rows[at]["allocation_id"], rows[at]["slot"])
        clearing.reports[at + 1] = rows[at]
        clearing.reports[at + 1]["next"] = clearing.report_buckets[bucket]
        clearing.report_buckets[bucket] = at + 1
    clearing.desk[0]["live_reports"] = len(rows)
    clearing.desk[0]["fresh_report"] = len(rows) + 1
