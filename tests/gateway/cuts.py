"""A network between client and exchange that breaks whenever a test wants it to."""

import asyncio
from contextlib import suppress

from yarl import URL

CHUNK_BYTES = 65_536


class CuttingProxy:
    """Passes bytes both ways; `cut` breaks every connection, wherever in a message it is."""

    def __init__(self, upstream: str) -> None:
        self._upstream = URL(upstream)
        self._writers: set[asyncio.StreamWriter] = set()
        self.cuts = 0

    async def __aenter__(self) -> "CuttingProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break what is open now."""
        self.cuts += bool(self._writers)
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._upstream.host, self._upstream.port)
        self._writers |= {writer, far_writer}
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        self._writers -= {writer, far_writer}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while payload := await reader.read(CHUNK_BYTES):
            writer.write(payload)
            await writer.drain()
    writer.close()
