"""A load process whose SDK has stopped reconnecting comes back, and one that still tries is left alone."""

from __future__ import annotations

import asyncio

from load import Load


class Client:
    """What `Load.revive` looks at of an SDK client."""

    def __init__(self, receiving: asyncio.Task | None, reconnecting: asyncio.Task | None) -> None:
        self._receiver_task, self._reconnect_task = receiving, reconnecting
        self._ws: object | None = object()
        self.scheduled = 0

    def _schedule_reconnect(self) -> None:
        assert self._ws is None, "the SDK only connects when it has no socket"
        self.scheduled += 1


def revived(client: Client) -> bool:
    load = Load.__new__(Load)
    load.client = client
    load.revive()
    return client.scheduled == 1


def test_revives_only_an_sdk_that_has_given_up():
    async def cases() -> None:
        done = asyncio.ensure_future(asyncio.sleep(0))
        await done
        waiting = asyncio.ensure_future(asyncio.sleep(60))
        assert revived(Client(done, done)) and revived(Client(None, done))
        assert not revived(Client(waiting, done)) and not revived(Client(done, waiting))
        waiting.cancel()

    asyncio.run(cases())
