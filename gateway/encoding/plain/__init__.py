"""Plain orders as text, read and answered by compiled code: most of what bots send, and of what they hear.

    frames of a turn of the loop ─▶ reading ─▶ commands, and of each what its answer repeats ─▶ exchange
                                                        events of a block ─▶ writing ─▶ frames

A plain order is a flat JSON object of the fields that most orders have, each once, with strings of printable ASCII that
escape nothing. Whatever else a frame is, it is left to who reads with more care and names what is wrong.
"""
