"""What ../bench does, with Autobahn|Python:

    python3 bench.py asyncio|twisted URL [CALLS [ROUNDS]]
"""

import sys
import time

framework, url = sys.argv[1], sys.argv[2]
calls = int(sys.argv[3]) if len(sys.argv) > 3 else 10000
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5

import txaio

if framework == "asyncio":
    import asyncio
    from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    txaio.config.loop = loop
    stop = loop.stop
else:
    from autobahn.twisted.wamp import ApplicationRunner, ApplicationSession
    from twisted.internet import reactor
    stop = lambda: reactor.running and reactor.stop()

from autobahn.wamp.types import CallResult


class Callee(ApplicationSession):
    def onJoin(self, details):
        registered = self.register(lambda n: CallResult(2 * n, ok=True), "com.bench.double")
        txaio.add_callbacks(registered, lambda _: start_caller(), fail)


class Caller(ApplicationSession):
    def onJoin(self, details):
        self.best = None
        self.left = rounds
        self.round()

    def round(self):
        self.cpu, self.start = time.process_time(), time.perf_counter()
        futures = [self.call("com.bench.double", i) for i in range(calls)]
        txaio.add_callbacks(txaio.gather(futures, consume_exceptions=False), self.done, fail)

    def done(self, results):
        took, cpu = time.perf_counter() - self.start, time.process_time() - self.cpu
        assert [r.results[0] for r in results] == [2 * i for i in range(calls)]
        self.best = min(self.best or (took, cpu), (took, cpu))
        self.left -= 1
        if self.left:
            txaio.call_later(0, self.round)
            return
        took, cpu = self.best
        print("%-28s %8.0f calls/s %8.1f µs of CPU time per call"
              % ("Autobahn|Python, " + framework, calls / took, cpu * 1e6 / calls), flush=True)
        stop()


def fail(failure):
    print(txaio.failure_format_traceback(failure), file=sys.stderr)
    stop()


def start_caller():
    connected = ApplicationRunner(url, "realm1").run(Caller, start_loop=False) \
        if framework == "asyncio" else ApplicationRunner(url, "realm1").run(Caller, start_reactor=False)
    if framework == "asyncio":
        asyncio.ensure_future(connected)


if framework == "asyncio":
    loop.run_until_complete(ApplicationRunner(url, "realm1").run(Callee, start_loop=False))
    loop.run_forever()
else:
    ApplicationRunner(url, "realm1").run(Callee, start_reactor=False)
    reactor.run()
