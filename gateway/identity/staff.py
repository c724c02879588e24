"""Who may act for the exchange, at the doors that are not for everybody."""

from aiohttp import web

from gateway.encoding.requests import RISK_STAFF, Role
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import signed_by


async def administrator(request: web.Request) -> Gateway:
    """The exchange, for an administrator. Raises ApiError for anybody else."""
    await signed_by(request, Role.ADMIN)
    return request.app[GATEWAY]


async def risk_staff(request: web.Request) -> Gateway:
    """The exchange, for risk staff and administrators. Raises ApiError for anybody else."""
    await signed_by(request, *RISK_STAFF)
    return request.app[GATEWAY]
