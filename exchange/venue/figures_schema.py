"""The layout in which readers are told of an account's money."""

from kernels.records import record

FIGURES = record(
    ("account_id", "u4"),
    ("standing", "u4"),  # a risk Standing
    ("cash_nano", "i8"),
    ("unsettled_nano", "i8"),  # what positions would bring at the marks beyond their cost; equity is this and cash
    ("margin_nano", "i8"),  # the initial requirement, the add-on included
    ("gross_nano", "i8"),
    ("fees_nano", "i8"),
    ("add_on_nano", "i8"),  # what risk staff add to the requirement
)
"""An account's money at a moment, and how near it is to losing its positions."""
EVERYBODY = -1
"""Instead of a count: all accounts have new figures."""
