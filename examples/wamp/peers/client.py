"""Autobahn|Python as the other client of the tests.

    python3 client.py URL [AUTHID SECRET]

It registers procedures for Go to call, and does what Go tells it to through
others: call a procedure, publish an event, say what it has heard. It prints
"ready" when it is.
"""

import asyncio
import os
import sys
import threading

from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp import auth
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import (CallOptions, CallResult, PublishOptions,
                                 RegisterOptions)


def end_with_parent():
    """The tests keep the standard input open for as long as they live."""
    sys.stdin.read()
    os._exit(0)


class Client(ApplicationSession):
    def onConnect(self):
        if len(sys.argv) > 2:
            self.join(self.config.realm, ["wampcra"], sys.argv[2])
        else:
            self.join(self.config.realm)

    def onChallenge(self, challenge):
        key = sys.argv[3].encode()
        if "salt" in challenge.extra:
            key = auth.derive_key(key, challenge.extra["salt"],
                                  challenge.extra["iterations"], challenge.extra["keylen"])
        return auth.compute_wcs(key, challenge.extra["challenge"].encode()).decode()

    async def onJoin(self, details):
        self.heard = asyncio.Queue()
        self.cancelled = asyncio.Queue()
        for name in ("add", "fail", "slow", "was_cancelled", "do_call", "do_publish", "hear"):
            await self.register(getattr(self, name), "com.python." + name)
        await self.register(self.count, "com.python.count", RegisterOptions(details_arg="details"))
        await self.subscribe(lambda *args, **kwargs: self.heard.put_nowait((args, kwargs)), "com.go.news")
        print("ready", flush=True)

    def onDisconnect(self):
        asyncio.get_event_loop().stop()

    # For Go to call

    def add(self, a, b):
        return a + b

    def fail(self, reason):
        raise ApplicationError("com.python.error", reason, code=7)

    async def slow(self):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.put_nowait(True)
            raise

    async def was_cancelled(self):
        return await self.cancelled.get()

    def count(self, n, details=None):
        for i in range(n):
            if details.progress:
                details.progress(i)
        return n

    # What Go has it do

    async def do_call(self, procedure, *args):
        seen = []
        options = CallOptions(on_progress=lambda i: seen.append(i))
        try:
            result = await self.call(procedure, *args, options=options)
        except ApplicationError as error:
            return CallResult(error.error, *error.args, **(error.kwargs or {}))
        return CallResult("result", result, seen)

    async def do_publish(self, topic, *args):
        publication = await self.publish(topic, *args, options=PublishOptions(acknowledge=True))
        return publication.id

    async def hear(self):
        args, kwargs = await self.heard.get()
        return CallResult(*args, **kwargs)


if os.environ.get("UNTIL_STDIN_ENDS"):
    threading.Thread(target=end_with_parent, daemon=True).start()
ApplicationRunner(sys.argv[1], "realm1").run(Client)
