"""A running Triton, told which versions to hold: its repository control over gRPC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from services.stack.problems import Problem

_LOAD_S: Final = 120.0
_ANSWER_S: Final = 30.0


class Control:
    """Asks one server. Use `connected`."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - tritonclient publishes no types
        self._client = client

    def load(self, model: str) -> None:
        """Load a model as its config in the repository says now; requests meet the old state until it is ready.

        Raises:
            Problem: it does not load; what was loaded before still answers.
        """
        with _clear(f"Triton does not load {model}"):
            self._client.load_model(model, client_timeout=_LOAD_S)

    def unload(self, model: str) -> None:
        """Let go of a model; requests that have begun are answered.

        Raises:
            Problem: the server does not answer.
        """
        with _clear(f"Triton does not unload {model}"):
            self._client.unload_model(model, client_timeout=_ANSWER_S)

    def ready(self, model: str, number: int) -> bool:
        """Whether this version answers."""
        with _clear("Triton does not answer"):
            return bool(self._client.is_model_ready(model, str(number), client_timeout=_ANSWER_S))

    def states(self) -> dict[tuple[str, int], str]:
        """Return the state of every version that the server knows."""
        with _clear("Triton does not answer"):
            index = self._client.get_model_repository_index(client_timeout=_ANSWER_S)
        return {(m.name, int(m.version)): m.state for m in index.models if m.version}

    def wait_ready(self, model: str, number: int) -> None:
        """Wait until this version answers.

        Raises:
            Problem: it does not within two minutes.
        """
        until = time.monotonic() + _LOAD_S
        while not self.ready(model, number):
            if time.monotonic() > until:
                raise Problem(
                    f"version {number} of {model} is not ready after {_LOAD_S:.0f} s; see Triton's log"
                )
            time.sleep(0.2)


@contextmanager
def connected(address: str) -> Iterator[Control]:
    """Ask the server at this address (host:port)."""
    from tritonclient.grpc import InferenceServerClient

    client = InferenceServerClient(address, channel_args=[("grpc.enable_http_proxy", 0)])
    try:
        yield Control(client)
    finally:
        client.close()


@contextmanager
def _clear(what: str) -> Iterator[None]:
    from tritonclient.utils import InferenceServerException

    try:
        yield
    except InferenceServerException as exc:
        raise Problem(f"{what}: {exc.message()}") from exc
