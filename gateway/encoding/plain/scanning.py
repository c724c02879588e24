"""The smallest parts of JSON: spaces, strings, whole numbers. A place of -1 is nowhere: it is not there."""

import numpy as np

from kernels.compile import inlined

QUOTE, BACKSLASH, COLON, COMMA, POINT = map(ord, '"\\:,.')
OPEN, CLOSE = map(ord, "{}")
SPACE, TAB, NEWLINE, RETURN = map(ord, " \t\n\r")
ZERO, NINE = map(ord, "09")
LAST_PRINTABLE = ord("~")
WORD_BYTES = 8


def word_of(text: bytes) -> np.uint64:
    """Up to eight characters as one number, as `word_at` reads them."""
    return np.uint64(int.from_bytes(text[:WORD_BYTES], "little"))


@inlined
def word_at(texts, at, length):
    """Up to eight characters as one number, the first of them lowest."""
    word = np.uint64(0)
    for place in range(min(length, WORD_BYTES)):
        word |= np.uint64(texts[at + place]) << np.uint64(8 * place)
    return word


@inlined
def after_space(texts, at, end):
    """The place of what stands behind spaces."""
    while at < end and is_space(texts[at]):
        at += 1
    return at


@inlined
def is_space(byte):
    """Whether JSON allows it between two of its parts."""
    return byte in (SPACE, TAB, NEWLINE, RETURN)


@inlined
def end_of_string(texts, at, end):
    """The place of the quote that ends a string, of which the first character is here."""
    while at < end:
        byte = texts[at]
        if byte == QUOTE:
            return at
        if byte < SPACE or byte > LAST_PRINTABLE or byte == BACKSLASH:
            return -1
        at += 1
    return -1


@inlined
def end_of_digits(texts, at, end):
    """The place behind digits; the same place where there are none."""
    while at < end and ZERO <= texts[at] <= NINE:
        at += 1
    return at


@inlined
def is_whole_number(texts, at, end, digits_max):
    """Whether these digits are a number without needless zeros."""
    return at < end <= at + digits_max and (texts[at] != ZERO or end == at + 1)


@inlined
def number_of(texts, at, end):
    """The number that digits stand for."""
    number = np.int64(0)
    for place in range(at, end):
        number = number * 10 + np.int64(texts[place]) - ZERO
    return number
