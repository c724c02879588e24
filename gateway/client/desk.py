"""What the risk desk asks: how the market stands, what a move of forwards would do, what happened, accounts as CSV."""

from collections.abc import Mapping
from typing import Any

from gateway.client.account_models import known_events
from gateway.client.desk_models import AccountOrders, Overview, RiskEvent, Shock


class DeskCalls:
    """Of the REST client; all of it is for risk staff, and changes nothing."""

    async def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request: the client knows how."""
        raise NotImplementedError

    async def ask_text(self, path: str) -> str:
        """Read what is no JSON."""
        raise NotImplementedError

    async def risk_overview(self) -> Overview:
        """Regions with strain, the insurance fund, who is being closed, and what all accounts hold of each window."""
        return Overview.model_validate(await self.ask("GET", "/v1/risk/overview"))

    async def shock(self, moves_ppm: Mapping[str, int], *, limit: int = 100) -> Shock:
        """What would become of all accounts if the marks of regions moved by so many parts of a million.

        Regions are named by their codes, and move by -900,000 to 900,000. Of the accounts that would not be sound up to
        `limit` are told, at most 1,000.
        """
        moves = [{"region": region, "move_ppm": ppm} for region, ppm in moves_ppm.items()]
        return Shock.model_validate(await self.ask("POST", "/v1/risk/shock", {"moves": moves, "limit": limit}))

    async def risk_events(self, account: str | None = None, *, limit: int = 100) -> list[RiskEvent]:
        """What happened lately to accounts with too little, the newest first; of one account, or of all."""
        rows = (await self.ask("GET", "/v1/risk/events", query={"account": account, "limit": limit}))["events"]
        return [RiskEvent.model_validate(row | {"event": row}) for row in known_events(rows)]

    async def risk_orders(self, account: str, *, limit: int = 100) -> AccountOrders:
        """So many of the open orders of any account, the oldest first, and how many there are."""
        query = {"account": account, "limit": limit}
        return AccountOrders.model_validate(await self.ask("GET", "/v1/risk/orders", query=query))

    async def risk_accounts_csv(self) -> str:
        """All accounts with exact amounts in USD, in the order of ids: a line for each, under a line of headings."""
        return await self.ask_text("/v1/risk/accounts.csv")
