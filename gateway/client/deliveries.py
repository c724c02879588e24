"""The part of the client that is about measured delivery."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from gateway.clearing.report_signing import Measurement, public_key_of, sign_report
from gateway.client.delivery_models import Delivery, DueAllocation, Provider, ReportAnswer, TrancheDelivery


class DeliveryCalls:
    """What can be asked about deliveries; the client inherits it."""

    async def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request: the client knows how."""
        raise NotImplementedError

    def _pages(self, path: str, query: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        raise NotImplementedError

    async def report(self, private_key: bytes, measurements: Iterable[Measurement]) -> list[ReportAnswer]:
        """What a reporter measured, up to 256 at once, signed by the Ed25519 key that it is registered with."""
        rows = [
            {
                "allocation": each.allocation_id,
                "slot": each.slot,
                "quantity": each.measured_lots,
                "latency_us": each.latency_us,
                "loss_ppm": each.loss_ppm,
                "signature": sign_report(private_key, each).hex(),
            }
            for each in measurements
        ]
        answer = await self.ask("POST", "/v1/deliveries/reports", {"reports": rows})
        return [ReportAnswer.model_validate(row) for row in answer["reports"]]

    async def due_allocations(self) -> list[DueAllocation]:
        """What a reporter is to measure: the allocations of which slots are still open, or to come."""
        pages = self._pages("/v1/deliveries/due", {})
        return [DueAllocation.model_validate(row) async for page in pages for row in page["due"]]

    async def delivery_summary(
        self, limit: int | None = None, *, latest_slots: int | None = None
    ) -> list[TrancheDelivery]:
        """What became of the latest tranches whose gate has closed, the newest first; so many slots of each."""
        query = {"limit": limit, "latest_slots": latest_slots}
        answer = await self.ask("GET", "/v1/deliveries/summary", query=query)
        return [TrancheDelivery.model_validate(row) for row in answer["deliveries"]]

    async def deliveries(
        self, symbol: str | None = None, *, disputed: bool | None = None, everybody: bool = False
    ) -> list[Delivery]:
        """How what the own account bought or provides is delivered; of everybody for an administrator."""
        path = "/v1/admin/deliveries" if everybody else "/v1/deliveries"
        query = {"symbol": symbol, "disputed": None if disputed is None else str(disputed).lower()}
        pages = self._pages(path, query)
        return [Delivery.model_validate(row) async for page in pages for row in page["deliveries"]]

    async def reservation(self, allocation: int) -> str:
        """The token that proves an own allocation to the provider's equipment."""
        return str((await self.ask("GET", f"/v1/allocations/{allocation}/reservation"))["token"])

    async def reservation_keys(self) -> dict[str, Any]:
        """The public keys under which tokens are signed, for `verify_reservation`."""
        return await self.ask("GET", "/v1/reservation-keys")

    async def providers(self) -> list[Provider]:
        """The reputation of each provider of whom anything is known."""
        answer = await self.ask("GET", "/v1/providers")
        return [Provider.model_validate(row) for row in answer["providers"]]

    async def provision(self, allocation: int) -> None:
        """Say that the own equipment is ready for an allocation."""
        await self.ask("POST", f"/v1/deliveries/{allocation}/provision")

    async def dispute(self, allocation: int) -> None:
        """Do not agree with what was measured of an allocation."""
        await self.ask("POST", f"/v1/deliveries/{allocation}/dispute")

    async def register_reporter(self, account: str, private_key: bytes | None) -> None:
        """Let an account report under the public key of a private one, or no longer, by an administrator."""
        public_key = None if private_key is None else public_key_of(private_key).hex()
        await self.ask("POST", "/v1/admin/reporters", {"account": account, "public_key": public_key})

    async def correct(
        self,
        allocation: int,
        slot: int,
        change: int,
        *,
        delivered: int,
        with_replacement: bool = False,
        reason: str = "",
    ) -> None:
        """More lots of a slot were delivered than was measured, or fewer; 0 dismisses a dispute. By risk staff.

        `delivered` is what counts so far over all slots: a correction that was made already is refused.
        """
        fields: dict[str, Any] = {"allocation": allocation, "slot": slot, "change": change, "delivered": delivered}
        fields |= {"with_replacement": with_replacement, "reason": reason}
        await self.ask("POST", "/v1/admin/corrections", fields)

    async def interrupt(self, region: str, quantity: int) -> list[int]:
        """Cut interruptible allocations of a region for the slot that runs, by risk staff; returns their ids."""
        fields = {"region": region, "quantity": str(quantity)}
        answer = await self.ask("POST", "/v1/admin/interruptions", fields)
        return list(answer["allocations"])
