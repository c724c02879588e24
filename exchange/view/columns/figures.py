"""The money and standing of accounts, as the venue left them."""

import numpy as np

from exchange.view.columns.compile import kernel
from kernels.compile import direct
from risk.schema import Standing

SOUND, NOTED = int(Standing.SOUND), int(Standing.NOTED)
"""Who was only noted has not been looked at: nothing is told of it."""


@direct
@kernel
def set_figures(columns, figures):
    """Take over the figures of all accounts that are open: a refused command may name another."""
    for at in range(len(figures.rows)):
        told = figures.rows[at]
        account_id = np.int64(told["account_id"])
        if account_id < len(columns.accounts) and columns.accounts[account_id]["is_open"] != 0:
            account = columns.accounts[account_id]
            account["cash_nano"] = told["cash_nano"]
            account["unsettled_nano"] = told["unsettled_nano"]
            account["margin_nano"] = told["margin_nano"]
            account["gross_nano"] = told["gross_nano"]
            account["fees_nano"] = told["fees_nano"]
            account["add_on_nano"] = told["add_on_nano"]
            account["standing"] = SOUND if told["standing"] == NOTED else told["standing"]
