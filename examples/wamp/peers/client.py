"""Autobahn|Python as the other client of the tests.

    python3 client.py URL json|msgpack|cbor [AUTHID METHOD SECRET]

It registers procedures for Go to call. Through some of them, Go makes it call a
procedure, publish an event, or report its events. It prints "ready" when it is
ready.
"""

import asyncio
import os
import sys
import threading

from autobahn.asyncio import rawsocket
from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp import auth
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import (CallOptions, CallResult, PublishOptions,
                                 RegisterOptions)


def end_with_parent():
    """End with the tests, which keep the standard input open until they end."""
    sys.stdin.read()
    os._exit(0)


# Autobahn 22.7.1 lacks a property that its session reads.
if not hasattr(rawsocket.WampRawSocketClientProtocol, "transport_details"):
    rawsocket.WampRawSocketClientProtocol.transport_details = property(lambda self: self._transport_details)


class Client(ApplicationSession):
    def onConnect(self):
        if len(sys.argv) == 3:
            self.join(self.config.realm)
            return
        authid, method, secret = sys.argv[3:]
        self.auth = None
        if method == "cryptosign":
            self.auth = auth.create_authenticator(method, authid=authid, privkey=secret)
        elif method == "scram":
            self.auth = auth.create_authenticator(method, authid=authid, password=secret)
        extra = self.auth.authextra if self.auth else None
        self.join(self.config.realm, [method], authid, authextra=extra)

    def onChallenge(self, challenge):
        if self.auth:
            answer = self.auth.on_challenge(self, challenge)
            return answer.decode() if isinstance(answer, bytes) else answer
        key = sys.argv[5].encode()
        if "salt" in challenge.extra:
            key = auth.derive_key(key, challenge.extra["salt"],
                                  challenge.extra["iterations"], challenge.extra["keylen"])
        return auth.compute_wcs(key, challenge.extra["challenge"].encode()).decode()

    def onWelcome(self, welcome):
        if getattr(self, "auth", None):
            return self.auth.on_welcome(self, welcome.authextra)

    async def onJoin(self, details):
        self.heard = asyncio.Queue()
        self.cancelled = asyncio.Queue()
        for name in ("add", "echo", "fail", "slow", "was_cancelled", "do_call", "do_publish", "hear"):
            await self.register(getattr(self, name), "com.peer." + name)
        await self.register(self.count, "com.peer.count", RegisterOptions(details_arg="details"))
        await self.subscribe(lambda *args, **kwargs: self.heard.put_nowait((args, kwargs)), "com.go.news")
        print("ready", flush=True)

    def onDisconnect(self):
        asyncio.get_event_loop().stop()

    # For Go to call

    def add(self, a, b):
        return a + b

    def echo(self, *args):
        return CallResult(*args)

    def fail(self, reason):
        raise ApplicationError("com.peer.error", reason, code=7)

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

    # Go asks for these

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
serializer = {"json": JsonSerializer, "msgpack": MsgPackSerializer, "cbor": CBORSerializer}[sys.argv[2]]
ApplicationRunner(sys.argv[1], "realm1", serializers=[serializer()]).run(Client)
