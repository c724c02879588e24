"""An exchange behind real doors, for those who load it."""

from tests.gateway.conftest import doors, exchange, pytest_asyncio_loop_factories, serve, store_options

__all__ = ["doors", "exchange", "pytest_asyncio_loop_factories", "serve", "store_options"]
