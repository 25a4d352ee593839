#!/usr/bin/env python3
"""Measure Python's txaio as the Go benchmarks measure the Go library.

    peer.py twisted    or    peer.py asyncio

prints lines in the form of Go's benchmarks, with the contender "python txaio".
"""
import asyncio
import io
import sys
import time

import txaio

stdout = sys.stdout  # logging on Twisted replaces sys.stdout


def measure(name, run, count):
    run(count // 10)
    start = time.perf_counter_ns()
    run(count)
    elapsed = time.perf_counter_ns() - start
    print("Benchmark%s/python_txaio %d %.2f ns/op" % (name, count, elapsed / count), file=stdout, flush=True)


class Twisted:
    def __init__(self):
        from twisted.internet import reactor
        txaio.use_twisted()
        self.reactor = reactor

    def call_soon(self, function):
        self.reactor.callLater(0, function)

    def drain(self, counter, count):
        while counter[0] < count:
            self.reactor.iterate(0)


class Asyncio:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        txaio.use_asyncio()
        txaio.config.loop = self.loop

    def call_soon(self, function):
        self.loop.call_soon(function)

    def drain(self, counter, count):
        while counter[0] < count:
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()


def main():
    framework = sys.argv[1]
    driver = Twisted() if framework == "twisted" else Asyncio()
    nothing = lambda: None

    def settle(count):
        counter = [0]

        def callback(value):
            counter[0] += 1
            return value
        for _ in range(count):
            f = txaio.create_future()
            txaio.add_callbacks(f, callback, None)
            txaio.resolve(f, 1)
        driver.drain(counter, count)

    def call_soon(count):
        counter = [0]

        def function():
            counter[0] += 1
        for _ in range(count):
            driver.call_soon(function)
        driver.drain(counter, count)

    def timer_cancel(count):
        for i in range(count):
            txaio.call_later(3600 + i % 3600, nothing).cancel()

    timer = txaio.make_batched_timer(1)

    def batched(count):
        for i in range(count):
            timer.call_later(3600 + i % 3600, nothing)

    def batched_cancel(count):
        for i in range(count):
            timer.call_later(3600 + i % 3600, nothing).cancel()

    def gather(count):
        futures = [txaio.create_future() for _ in range(count)]
        done = [0]

        def callback(results):
            done[0] = 1
            return results
        everything = txaio.gather(futures, consume_exceptions=True)
        txaio.add_callbacks(everything, callback, None)
        for f in futures:
            txaio.resolve(f, 1)
        driver.drain(done, 1)

    def many_gathers(count):
        for _ in range(max(1, count // 1000)):
            gather(1000)

    txaio.start_logging(out=io.StringIO(), level="info")
    log = txaio.make_logger()

    def disabled(count):
        for _ in range(count):
            log.debug("Hello {name}", name="roy")

    def info(count):
        for _ in range(count):
            log.info("Hopping {times} times", times=42)

    measure("Settle", settle, 50_000)
    measure("CallSoon", call_soon, 50_000)
    measure("TimerCancel", timer_cancel, 20_000)
    measure("TimerSet", batched, 50_000)
    measure("BatchedCancel", batched_cancel, 20_000)
    measure("Gather", many_gathers, 50_000)
    measure("LogDisabled", disabled, 200_000)
    measure("LogInfo", info, 20_000)


if __name__ == "__main__":
    main()
