"""The feed's event loop: uvloop, with the Rust reader in front of picows on every connection that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiofastnet
import uvloop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ferrofeed._core import Reader


class FeedLoop(uvloop.Loop):
    """A uvloop loop whose connections may have a reader in front of their protocol.

    picows hands keyword arguments it does not know on to ``loop.create_connection``. With ``reader_factory`` the
    socket's protocol is the reader made of picows' own protocol, from the first byte on; picows goes on as if the
    socket were its own.
    """

    async def create_connection(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *args: Any,
        reader_factory: Callable[[asyncio.BaseProtocol], Reader] | None = None,
        on_transport: Callable[[Any], object] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        """As ``loop.create_connection``.

        ``reader_factory`` makes the protocol that reads, ``on_transport`` is told the transport.
        """
        if reader_factory is None:
            return await aiofastnet.create_connection(self, protocol_factory, *args, **kwargs)

        def factory() -> Any:  # a protocol by its methods, not by its base class
            return reader_factory(protocol_factory())

        transport, reader = await aiofastnet.create_connection(self, factory, *args, **kwargs)
        if on_transport is not None:
            on_transport(transport)
        return transport, reader.inner

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As ``loop.call_exception_handler``, but for peers that leave amid a TLS handshake, which are no news.

        Who connects hears of it as of any other failure, and the gateway counts it. aiofastnet 1.2.0 puts a class in
        the place of the exception there, which no handler can print.
        """
        error = context.get("exception")
        if not (isinstance(error, type) and issubclass(error, OSError) and "transport" in context):
            super().call_exception_handler(context)
