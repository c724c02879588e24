"""Statements: what moved the cash and the positions of an account within a day of UTC, worked out from the journal.

    newest snapshot from before the day, or the beginning ─▶ replay to the day's beginning: opening cash and positions
    ─▶ replay through the day: the account's events become lines ─▶ closing cash and positions, as the venue has them

The journal is the archive: nothing is kept for statements. What the lines come to is compared with the venue to the
nano-USD, and a difference is told in the statement.
"""
