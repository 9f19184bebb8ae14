"""The whole on one machine: Kafka, Triton, PostgreSQL and a folder as store; then the topics; then the services."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from services.kernel import topics
from services.stack import kafka, mesh, models, postgres, processes, state, triton
from services.stack.home import MODEL_REPOSITORY, Home, default_home
from services.stack.mesh import Service
from services.stack.ports import free_ports
from services.stack.problems import Problem
from services.stack.processes import Running
from services.stack.state import State

#: Called with the part's name, what it does, and seconds since the start.
Progress = Callable[[str, str, float], None]

#: The real parts; every other process is a service.
PARTS = ("kafka", "triton", "postgres")
_PORTS = ("kafka", "kafka-controller", "triton", "triton-metrics", "postgres", "station")


def _health(service: str) -> str:
    return f"{service}.health"


def silent(_part: str, _what: str, _seconds: float) -> None:
    """Report nothing."""


class Stack:
    """One stack in one home folder. As a context manager it is started on entry and stopped on exit."""

    def __init__(
        self,
        home: Home | None = None,
        *,
        services: tuple[str, ...] = topics.SERVICES,
        repository: Path = MODEL_REPOSITORY,
        settings: Mapping[str, str] | None = None,
        fresh: bool = False,
        progress: Progress = silent,
    ) -> None:
        """Describe a stack; nothing happens yet.

        Args:
            home: where it keeps everything; the checkout's own `.intact` unless given.
            services: which services to start, by name.
            repository: the model repository that ships; a copy of it is served.
            settings: further INTACT_* settings for the services; they win over the stack's own.
            fresh: delete what an earlier stack left in this home (topics, database, stored images), and serve the
                models that ship.
            progress: is told what happens.
        """
        self.home = home or default_home()
        self.services = services
        self._repository = repository
        self._settings = dict(settings or {})
        self._fresh = fresh
        self._progress = progress
        self._cancel = threading.Event()
        #: Set once every part's address is known.
        self._addressed = threading.Event()
        self._writing = threading.Lock()
        self._telling = threading.Lock()
        self._started = time.monotonic()
        self._state: State | None = None

    @classmethod
    def running(cls, home: Home | None = None) -> Stack:
        """Return the stack that runs in this home.

        Raises:
            Problem: none runs.
        """
        stack = cls(home)
        found = state.load(stack.home)
        if found is None or not found.running():
            msg = f"no stack runs in {stack.home.root}: ./intact up starts one"
            raise Problem(msg)
        stack._state = found
        stack.services = tuple(part.name for part in found.parts if part.name not in PARTS)
        return stack

    def __enter__(self) -> Self:
        """Start everything."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Stop everything, also after Ctrl-C."""
        self.stop()

    @property
    def state(self) -> State:
        """What runs.

        Raises:
            Problem: the stack is not started.
        """
        if self._state is None:
            msg = "the stack is not started"
            raise Problem(msg)
        return self._state

    def environment(self) -> dict[str, str]:
        """Return the INTACT_* settings with which a process joins this stack."""
        return dict(self.state.environment)

    def start(self, *, attached: bool = True) -> None:
        """Start everything and wait until all is ready; on any failure, and on Ctrl-C, stop it all again.

        Args:
            attached: the stack ends with this command; what a crash of it leaves is cleared away by the next start.

        Raises:
            Problem: a stack is up already, or a part did not start.
        """
        self._started = time.monotonic()
        self._cancel.clear()
        with state.locked(self.home):
            self._clear_way()
            try:
                self._begin(attached=attached)
                self._start_all()
                self._save(replace(self.state, ready=True))
            except BaseException:
                with _undisturbed():
                    self._end()
                raise

    def stop(self) -> None:
        """Stop everything that runs: services first, then the parts. Ctrl-C does not interrupt this."""
        with _undisturbed(), state.locked(self.home):
            self._end()

    def kill(self, name: str) -> None:
        """End a service or part with SIGKILL, as a crash would."""
        processes.kill(self.part(name))

    def restart(self, name: str, *, timeout_s: float = 90.0) -> None:
        """Start a service again, on the same ports, and wait until it is ready.

        Raises:
            Problem: it did not start.
        """
        mesh.wait_ready(self.restart_soon(name), timeout_s=timeout_s)

    def restart_soon(self, name: str) -> Service:
        """Start a service again, without waiting until it is ready."""
        processes.stop(self.part(name))
        return self._start_service(name)

    def part(self, name: str) -> Running:
        """Return the process of a part or service.

        Raises:
            Problem: there is none of that name.
        """
        for part in self.state.parts:
            if part.name == name:
                return part
        names = ", ".join(part.name for part in self.state.parts)
        msg = f"no part is called {name}; there are {names}"
        raise Problem(msg)

    def service(self, name: str) -> Service:
        """Return a service: its process and its health port."""
        return Service(process=self.part(name), health_port=self.state.ports[_health(name)])

    # How it is done.

    def _clear_way(self) -> None:
        """Refuse where a stack is up; clear away what a crashed one left."""
        found = state.load(self.home)
        if found is None:
            return
        if found.running() and not found.abandoned():
            since = datetime.fromtimestamp(found.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
            msg = (
                f"a stack is up already in {self.home.root}, since {since} ({len(found.running())} processes). "
                "./intact status shows it, ./intact down ends it"
            )
            raise Problem(msg)
        if found.running():
            self._say("cleanup", f"ending {len(found.running())} processes that an interrupted run left")
        self._state = found
        self._end()

    def _begin(self, *, attached: bool) -> None:
        data = (self.home.kafka, self.home.postgres, self.home.store) if self._fresh else ()
        for folder in (self.home.logs, *data):
            shutil.rmtree(folder, ignore_errors=True)
        if self._fresh:
            models.reset(self.home)
        self.home.make()
        names = (*_PORTS, *(_health(service) for service in self.services))
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        owner = state.myself(self.home.log("intact"))
        self._save(State(owner=owner, attached=attached, since=time.time(), ports=ports))

    def _start_all(self) -> None:
        """Start parts and services at the same time: services spend their first seconds on imports, then wait."""
        self._addressed.clear()
        parts = {"kafka": self._start_kafka, "triton": self._start_triton, "postgres": self._start_postgres}
        self._all_of({**parts, **{name: partial(self._bring_up, name) for name in self.services}})

    def _bring_up(self, name: str) -> None:
        while not self._addressed.wait(0.1):
            if self._cancel.is_set():
                msg = f"{name} was not started: another part failed first"
                raise Problem(msg)
        self._wait_service(self._start_service(name))

    def _make_environment(self, ports: Mapping[str, int]) -> dict[str, str]:
        # Rules may be set from outside (INTACT_SAMPLE_RATE=0.1 ./intact up); where the parts are may not.
        outside = {key: value for key, value in os.environ.items() if key.startswith("INTACT_")}
        return outside | {
            "INTACT_BROKERS": f"127.0.0.1:{ports['kafka']}",
            "INTACT_TRITON": f"127.0.0.1:{ports['triton']}",
            "INTACT_POSTGRES": postgres.uri(self.home, ports["postgres"]),
            "INTACT_STORE": self.home.store.as_uri(),
            "INTACT_INSTANCE": "local",
            "INTACT_STATION_PORT": str(ports["station"]),
            "INTACT_STATION_TOKENS": ",".join(
                f"{station}:{secrets.token_urlsafe(16)}" for station in ("station-1", "station-2")
            ),
            **self._settings,
        }

    def _start_kafka(self) -> None:
        ports = self.state.ports
        broker = kafka.start(
            self.home,
            port=ports["kafka"],
            controller_port=ports["kafka-controller"],
            progress=lambda what: self._say("kafka", what),
        )
        self._note(broker)
        kafka.wait_ready(broker, ports["kafka"], self._cancel.is_set)
        topics.create(f"127.0.0.1:{ports['kafka']}")

    def _start_triton(self) -> None:
        ports = self.state.ports
        server = triton.start(
            self.home,
            repository=models.build_repository(self.home, self._repository),
            port=ports["triton"],
            metrics_port=ports["triton-metrics"],
            progress=lambda what: self._say("triton", what),
        )
        self._note(server)
        triton.wait_ready(server, ports["triton"], self._cancel.is_set)

    def _start_postgres(self) -> None:
        port = self.state.ports["postgres"]
        server = postgres.start(self.home, port=port)
        self._note(server)
        # Only now is the database's password known, and with it every address.
        with self._writing:
            self._save(replace(self.state, environment=self._make_environment(self.state.ports)))
        self._addressed.set()
        postgres.wait_ready(server, self.home, port, self._cancel.is_set)

    def _wait_service(self, service: Service) -> None:
        mesh.wait_ready(service, cancelled=self._cancel.is_set)

    def _start_service(self, name: str) -> Service:
        service = mesh.start(
            name,
            health_port=self.state.ports[_health(name)],
            environment=self.state.environment,
            home=self.home,
        )
        self._note(service.process)
        return service

    def _all_of(self, tasks: Mapping[str, Callable[[], None]]) -> None:
        """Run the tasks at the same time; the first failure, or Ctrl-C, cancels the others and is raised."""

        def run(name: str, task: Callable[[], None]) -> None:
            self._say(name, "starting")
            task()
            self._say(name, "ready")

        if not tasks:
            return
        with ThreadPoolExecutor(len(tasks)) as pool:
            futures: list[Future[None]] = [pool.submit(run, name, task) for name, task in tasks.items()]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            except BaseException:
                # The pool's exit waits for the others, which give up once they see this.
                self._cancel.set()
                raise

    def _end(self) -> None:
        """End what runs: services at the same time, then the parts at the same time."""
        if self._state is None:
            return
        running = self._state.running()
        services = [part for part in running if part.name not in PARTS]
        parts = [part for part in running if part.name in PARTS]
        for group in (services, parts):
            if group:
                with ThreadPoolExecutor(len(group)) as pool:
                    list(pool.map(_stop_part, group))
        state.forget(self.home)
        self._state = None

    def _note(self, part: Running) -> None:
        with self._writing:
            self._save(self.state.with_part(part))

    def _save(self, new: State) -> None:
        self._state = new
        state.save(self.home, new)

    def _say(self, part: str, what: str) -> None:
        with self._telling:
            self._progress(part, what, time.monotonic() - self._started)


def _stop_part(part: Running) -> None:
    # PostgreSQL's SIGTERM waits for its clients; SIGINT ends their sessions and shuts down cleanly.
    sig = signal.SIGINT if part.name == "postgres" else signal.SIGTERM
    processes.stop(part, grace_s=20.0 if part.name in PARTS else 10.0, sig=sig)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM meanwhile (signals are the main thread's business only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sig: signal.signal(sig, signal.SIG_IGN) for sig in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Make SIGTERM end the command as Ctrl-C does, so that what it started is stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
