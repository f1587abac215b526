"""A stand-in for Mailpit: takes mails on port 1025, and answers on port 8025 that it lives. It keeps nothing."""

import asyncio

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say yes, whatever is asked."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def main() -> None:
    """Run until the container ends."""
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(Sink(), loop=loop), "0.0.0.0", 1025)
    server = await asyncio.start_server(answer, "0.0.0.0", 8025)
    await server.serve_forever()


asyncio.run(main())
