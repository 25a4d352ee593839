"""Runs programs on Python's txaio and prints the events that they leave.

    python3 trace.py twisted|asyncio

It prints a line with the versions. Then it reads a program from each line of
standard input and prints a line with its events, or null if the Go library
differs on purpose. docs/conformance.md describes the programs. Their time is
virtual: only the operation "advance" moves it.

txaio has no counterpart of Then, ThenOf, Catch and Go. This program imitates
them with the framework's own Deferreds and futures, by the Go library's rules:
see "compose" of each framework. A composed Deferred is settled in a callback of
its source, and its callbacks run when the source has run all that it can. The
function of Go has no thread: the operation "release" lets it return, and queues
the settling of its future on the loop.
"""
import asyncio
import gc
import json
import math
import platform
import sys

import txaio


def first_line(error):
    return str(error).partition("\n")[0]


def failed(error):
    if type(error).__name__ == "CancelledError":
        return "cancelled"
    if type(error).__name__ == "TimeoutError":
        return "timed out"
    return "error " + first_line(error)


def shown(value):
    if value is None:
        return "none"
    if isinstance(value, list):
        return "[%s]" % ",".join(map(shown, value))
    error = getattr(value, "value", value)  # of a failure, Twisted's or txaio's
    return "!" + failed(error) if isinstance(error, BaseException) else str(value)


class Source:
    """The work that a future of Then, ThenOf, Catch or Go waits for."""

    def __init__(self, future=None):
        self.future = future
        self.cancelled = False

    def cancel(self):
        self.cancelled = True
        if self.future is not None:
            self.future.cancel()


class Twisted:
    """A reactor whose clock is moved by hand."""

    def __init__(self, unhandled):
        from twisted.internet.task import Clock

        self.unhandled = unhandled
        self.loop = Clock()
        self.now = self.loop.seconds
        self.ready = []  # functions from other threads, which a Clock cannot take
        self.soon = self.ready.append

    def next(self):
        return min((call.getTime() for call in self.loop.getDelayedCalls()), default=math.inf)

    def move(self, seconds):
        try:
            self.loop.advance(seconds)
        except Exception as error:  # the next call runs the other timers that are due
            self.unhandled(error)

    def run_once(self):
        ready, self.ready[:] = self.ready[:], []
        for function in ready:
            function()
        self.move(0)

    def run(self):
        while self.ready or self.next() <= self.now():
            self.run_once()

    def advance(self, seconds):
        end = self.now() + seconds
        self.run()
        while self.next() <= end:
            self.move(self.next() - self.now())
            self.run()
        self.move(end - self.now())

    def limit(self, future, seconds):
        return future.addTimeout(seconds, self.loop)

    # For each chain of callbacks that is running, the composed Deferreds that
    # its callbacks have settled.
    settled = []

    # Those whose own callbacks have not begun yet.
    succeeding = []

    @classmethod
    def prepare(cls):
        from twisted.internet.defer import Deferred

        run_chain = Deferred._runCallbacks

        def run_callbacks(deferred):
            waiting = []
            while True:
                cls.settled.append([])
                run_chain(deferred)
                waiting += cls.settled.pop()
                if not waiting:
                    return
                deferred = waiting.pop(0)
                cls.succeeding.remove(deferred)

        Deferred._runCallbacks = run_callbacks

    @staticmethod
    def finished(deferred):
        return deferred.called and not (deferred.callbacks or deferred.paused or deferred._runningCallbacks)

    @classmethod
    def taken_as_it_stands(cls, deferred):
        running = deferred._runningCallbacks or deferred in cls.succeeding
        return deferred.called and not deferred.paused and running

    @staticmethod
    def waiting(source):
        from twisted.internet.defer import CancelledError, Deferred

        def canceller(deferred):
            deferred.errback(CancelledError())
            source.cancel()

        return Deferred(canceller)

    def compose(self, future, function):
        from twisted.internet.defer import Deferred
        from twisted.python.failure import Failure

        source = Source(future)
        composed = self.waiting(source)

        def settle(result):
            if not composed.called:
                composed.called, composed.result = True, result
                self.settled[-1].append(composed)
                self.succeeding.append(composed)
            return result

        def step(result):
            if composed.called:
                return result
            try:
                if isinstance(result, Failure):
                    made = function(None, result.value)
                else:
                    made = function(result, None)
            except Exception:
                made = Failure()
            if not isinstance(made, Deferred):
                settle(made)
                return result
            source.future = made
            if source.cancelled:
                made.cancel()
            if self.finished(made):
                settle(made.result)
            else:
                made.callbacks.append(((settle, (), {}), (settle, (), {})))
            return result

        future.addBoth(step)
        return composed

    def close(self):
        pass


class OrderedHandle(asyncio.TimerHandle):
    """A timer that runs after earlier ones of the same time. asyncio allows
    any order."""

    made = 0

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        OrderedHandle.made += 1
        self.place = OrderedHandle.made

    def __lt__(self, other):
        return (self._when, self.place) < (other._when, other.place)


asyncio.base_events.events.TimerHandle = OrderedHandle


class Waiting(asyncio.Future):
    """A future that is cancelled together with its source."""

    def __init__(self, source, loop):
        super().__init__(loop=loop)
        self.source = source

    def cancel(self, msg=None):
        cancelled = super().cancel()
        if cancelled:
            self.source.cancel()
        return cancelled


class Asyncio(asyncio.SelectorEventLoop):
    """An event loop whose clock is moved by hand."""

    def __init__(self, unhandled):
        self.moment = 0.0
        self.loop = self
        super().__init__()
        self.soon = self.call_soon
        self.set_exception_handler(lambda _, context: self.judge(context, unhandled))
        asyncio.set_event_loop(self)

    @staticmethod
    def judge(context, unhandled):
        # The garbage collector reports these at any time.
        if "never retrieved" not in context["message"] and "destroyed" not in context["message"]:
            unhandled(context.get("exception") or context["message"])

    def time(self):
        return self.moment

    now = time

    def run_once(self):
        self.call_soon(self.stop)
        self.run_forever()

    def run(self):
        while self._ready:
            self.run_once()

    def next(self):
        return min((handle.when() for handle in self._scheduled if not handle.cancelled()), default=math.inf)

    def advance(self, seconds):
        end = self.moment + seconds
        self.run()
        while self.next() <= end:
            self.moment = max(self.moment, self.next())
            self.run_once()
            self.run()
        self.moment = end

    def limit(self, future, seconds):
        # wait_for is a task. It begins, sees the future's outcome and cancels it
        # some turns later than the Go library does. So only its outcome and the
        # time are compared. No other timer is due at the same time as a limit,
        # because it could run before or after the cancelling. Programs with
        # limits have no batches, because a batch that is due at once would run
        # in one of the task's turns.
        return self.create_task(asyncio.wait_for(future, seconds))

    def waiting(self, source):
        return Waiting(source, self)

    def compose(self, future, function):
        source = Source(future)
        composed = self.waiting(source)

        def settle(settled):
            if composed.done():
                return
            if settled.cancelled():
                composed.cancel()
            elif settled.exception() is not None:
                composed.set_exception(settled.exception())
            else:
                composed.set_result(settled.result())

        def step(_):
            if composed.done():
                return
            value = error = None
            try:
                value = future.result()
            except (Exception, asyncio.CancelledError) as raised:
                error = raised
            try:
                made = function(value, error)
            except (Exception, asyncio.CancelledError) as raised:
                if raised is error:  # a cancellation stays one
                    settle(future)
                elif not composed.done():
                    composed.set_exception(raised)
                return
            if not asyncio.isfuture(made):
                if not composed.done():
                    composed.set_result(made)
                return
            source.future = made
            if source.cancelled:
                made.cancel()
            made.add_done_callback(settle)

        future.add_done_callback(step)
        return composed


class Machine:
    """Runs one program."""

    def __init__(self, driver):
        self.events = []
        self.comparable = True
        self.futures, self.timers, self.batches = {}, {}, {}
        self.releases = {}
        self.driver = driver(lambda error: self.note("handler", first_line(error)))
        txaio.config.loop = self.driver.loop

    def note(self, *words):
        self.events.append(" ".join(words))

    def time(self):
        return "%dms" % math.floor(self.driver.now() * 1000 + 0.5)

    def do(self, program):
        for name, *args in program:
            getattr(self, "do_" + name)(*args)

    def do_raise(self, message):
        raise RuntimeError(message)

    # Making and settling futures

    def do_create(self, name, how={}):
        options = {}
        if "result" in how:
            options["result"] = how["result"]
        if "error" in how:
            options["error"] = RuntimeError(how["error"])
        if "canceller" in how:

            def canceller(_):
                self.note(name, "canceller")
                self.do(how["canceller"])

            options["canceller"] = canceller
        self.futures[name] = txaio.create_future(**options)

    def do_success(self, name, value):
        self.futures[name] = txaio.create_future_success(value)

    def do_failure(self, name, message):
        self.futures[name] = txaio.create_future_error(RuntimeError(message))

    def do_as_future(self, name, how):
        def function():
            self.note(name, "called")
            if "raise" in how:
                raise RuntimeError(how["raise"])
            return self.futures[how["future"]] if "future" in how else how["return"]

        self.futures[name] = txaio.as_future(function)

    def do_gather(self, name, members, consume):
        self.futures[name] = txaio.gather([self.futures[m] for m in members], consume_exceptions=consume)

    def settle(self, verb, name, argument):
        try:
            getattr(txaio, verb)(self.futures[name], argument)
        except Exception:
            self.note(verb, name, "already")
        else:
            self.note(verb, name, "ok")

    def do_resolve(self, name, value):
        self.settle("resolve", name, value)

    def do_reject(self, name, message):
        self.settle("reject", name, RuntimeError(message))

    def do_cancel(self, name):
        self.note("cancel", name)
        txaio.cancel(self.futures[name])

    def do_called(self, name):
        self.note("called", name, "yes" if txaio.is_called(self.futures[name]) else "no")

    # Callbacks

    def function(self, label, kind, action, show):
        def call(argument):
            self.note(label, kind, show(argument))
            self.do(action.get("do", []))
            if "raise" in action:
                raise RuntimeError(action["raise"])
            return action.get("value", argument)

        return action if action is None else call

    def do_add(self, name, label, callback, errback):
        txaio.add_callbacks(
            self.futures[name],
            self.function(label, "callback", callback, shown),
            self.function(label, "errback", errback, lambda failure: failed(failure.value)),
        )

    def do_both(self, name, label, action):
        self.futures[name].addBoth(self.function(label, "both", action, shown))

    def do_chain(self, name, label, inner):
        def call(argument):
            self.note(label, "callback", shown(argument))
            # If one of the Deferred's callbacks is running, Twisted takes its
            # current result; the Go library waits until it has finished. The Go
            # library also waits if the callbacks of a composed one have not begun.
            if self.driver.taken_as_it_stands(self.futures[inner]):
                self.comparable = False
            return self.futures[inner]

        self.futures[name].addCallback(call)

    def do_pause(self, name):
        self.futures[name].pause()

    def do_unpause(self, name):
        self.futures[name].unpause()

    # Compositions and goroutines

    def compose(self, kind, name, of, action):
        def function(value, error):
            if (error is None) == (kind == "catch"):  # not for this function
                if error is not None:
                    raise error
                return value
            self.note(name, kind, shown(value) if error is None else failed(error))
            self.do(action.get("do", []))
            if "raise" in action:
                raise RuntimeError(action["raise"])
            if "future" in action:
                return self.futures[action["future"]]
            if "value" in action:
                return action["value"]
            if error is not None:
                raise error
            return shown(value) if isinstance(value, list) else value

        self.futures[name] = self.driver.compose(self.futures[of], function)

    def do_then(self, name, of, action):
        self.compose("then", name, of, action)

    def do_then_of(self, name, of, action):
        self.compose("then_of", name, of, action)

    def do_catch(self, name, of, action):
        self.compose("catch", name, of, action)

    def do_go(self, name, action):
        source = Source()
        future = self.futures[name] = self.driver.waiting(source)

        def settle():
            if txaio.is_called(future):
                return
            if "raise" in action:
                txaio.reject(future, RuntimeError(action["raise"]))
            else:
                txaio.resolve(future, action["value"])

        def release():
            self.note(name, "returns", "cancelled" if source.cancelled else "in time")
            self.driver.soon(settle)

        self.releases[name] = release

    def do_release(self, name):
        self.releases.pop(name, lambda: None)()  # only once

    # Time

    def do_add_timeout(self, label, name, seconds):
        def note(outcome):
            self.note(label, "limited", shown(outcome), "@" + self.time())
            return outcome

        txaio.add_callbacks(self.driver.limit(self.futures[name], seconds), note, note)

    def timer(self, label, program):
        def fire():
            self.note(label, "fired", "@" + self.time())
            self.do(program)

        return fire

    def do_call_later(self, label, delay, program):
        self.timers[label] = txaio.call_later(delay, self.timer(label, program))

    def do_batched(self, name, bucket, chunk):
        self.batches[name] = txaio.make_batched_timer(bucket, chunk)

    def do_batched_later(self, name, label, delay, program):
        self.timers[label] = self.batches[name].call_later(delay, self.timer(label, program))

    def do_cancel_timer(self, label):
        try:
            self.timers[label].cancel()
        except Exception:  # it has run, and one of the frameworks raises
            pass

    def do_advance(self, seconds):
        self.driver.advance(seconds)
        self.note("now", self.time())

    def do_run_once(self):
        self.driver.run_once()
        self.note("ran once")

    def do_run(self):
        self.driver.run()
        self.note("idle")


def main(framework):
    versions = {"python": platform.python_version(), "txaio": txaio.__version__}
    if framework == "twisted":
        import twisted
        from twisted.logger import globalLogBeginner

        globalLogBeginner.beginLoggingTo([lambda event: None], redirectStandardIO=False)
        txaio.use_twisted()
        versions["twisted"] = twisted.__version__
        driver = Twisted
        driver.prepare()
    else:
        txaio.use_asyncio()
        driver = Asyncio
    print(json.dumps(versions), flush=True)
    # Collect garbage between programs only. During a program it changes no
    # event, but takes far longer.
    gc.disable()
    gc.freeze()
    for line in sys.stdin:
        machine = Machine(driver)
        machine.do(json.loads(line))
        machine.driver.close()
        print(json.dumps(machine.events if machine.comparable else None), flush=True)
        del machine
        gc.collect()


main(sys.argv[1])
