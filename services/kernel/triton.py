"""The mesh's only door to Triton: one asyncio gRPC channel per process.

Triton's messages are built directly: the client library's wrappers cost more CPU than the call. Every request carries
a deadline and is cancelled when it passes; every answer's shape, length and range is checked, because a server start
was seen that answered each request with an empty tensor of the right declared shape.
"""

from __future__ import annotations

import asyncio
import struct
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import structlog
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as rpc

from services.kernel import model_versions, telemetry
from services.kernel.faults import DataFault, DependencyFault
from services.kernel.sight import Difference, Photo, Sight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

log = structlog.get_logger(__name__)

MODEL = "capture_inspection"
DAMAGE, EMBEDDING, MATTER = (9,), (256,), (5,)
COMPARISON_MODEL = "gallery_comparison"
COMPARED, HEAT = (6,), (2, 16, 16)
#: References that one comparison may name; each costs as much as the first.
MOST_REFERENCES = 3
QUALITY_MODEL = "capture_quality"
QUALITY, EDGES = (5,), (4,)
#: What this client may send in one message; images are at most 12 per capture.
MAX_MESSAGE_BYTES = 64 * 2**20
#: Requests in flight per process: enough to fill Triton's batches, few enough that none waits long in its queue.
CONCURRENCY = 16
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What is wrong with each photo itself, in order; 0.5 and more counts.

    problems: (images, 5) float32 in [0, 1]: cut off, blurred, dark, covered, empty.
    edges: (images, 4) float32 in [0, 1]: share of the left, top, right and bottom edge that the item reaches.
    """

    problems: npt.NDArray[np.float32]
    edges: npt.NDArray[np.float32]


class QualityModel:
    """Asks what is wrong with photos themselves. It is made inside the running loop and needs no start.

    It waits for nothing: a Triton that is away is told at once, and the channel comes back by itself.
    """

    def __init__(self, address: str, *, timeout_s: float = 0.4) -> None:
        self._timeout_s = timeout_s
        self._channel = _channel(address)
        self._stub = rpc.GRPCInferenceServiceStub(self._channel)
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def measure(self, images: Sequence[bytes]) -> Quality:
        """Measure the photos of one capture.

        Raises:
            DataFault: an image cannot be decoded.
            DependencyFault: Triton is gone, too slow, too busy, or its answer is not what was asked for.
        """
        async with self._slots:
            try:
                answer = await self._stub.ModelInfer(
                    _request(QUALITY_MODEL, {"IMAGE": images}, self._timeout_s), timeout=self._timeout_s
                )
            except grpc.RpcError as exc:
                raise _fault(exc) from exc
        return read_quality(answer, len(images))

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


class _Model:
    """One model of the server: asked with a deadline, and put through its paces before it is relied on."""

    def __init__(self, address: str, model: str, timeout_s: float) -> None:
        self._address = address
        self._model = model
        self._timeout_s = timeout_s
        self._channel: grpc.aio.Channel | None = None
        self._stub: Any = None
        self._slots = asyncio.Semaphore(CONCURRENCY)
        meter = telemetry.meter()
        self._seconds = meter.create_histogram("intact.triton.duration", unit="s", description="Round trip.")

    async def start(self, patience_s: float = 60.0) -> None:
        """Connect and ask something.

        Raises:
            DependencyFault: Triton is not ready or answers nonsense, after trying for `patience_s` seconds.
        """
        self._channel = _channel(self._address)
        self._stub = rpc.GRPCInferenceServiceStub(self._channel)
        until = time.monotonic() + patience_s
        while True:
            try:
                await self._try()
            except (DependencyFault, DataFault) as fault:
                if time.monotonic() > until:
                    msg = f"Triton at {self._address} is not ready: {fault}"
                    raise DependencyFault(msg) from fault
                await asyncio.sleep(0.25)
            else:
                return

    async def ready(self) -> bool:
        """Whether Triton says that it can answer."""
        try:
            answer = await self._stub.ModelReady(pb.ModelReadyRequest(name=self._model), timeout=2.0)
        except grpc.RpcError:
            return False
        return bool(answer.ready)

    async def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            await self._channel.close()

    async def _try(self) -> None:
        raise NotImplementedError

    async def _version(self) -> str:
        try:
            meta = await self._stub.ModelMetadata(pb.ModelMetadataRequest(name=self._model), timeout=5.0)
            config = await self._stub.ModelConfig(pb.ModelConfigRequest(name=self._model), timeout=5.0)
        except grpc.RpcError as exc:
            msg = f"Triton does not describe {self._model}: {_said(exc)}"
            raise DependencyFault(msg) from exc
        return model_versions.name_of(
            int(max(meta.versions, key=int)), config.config.parameters["build"].string_value
        )

    async def _ask(self, request: Any) -> Any:
        began = time.perf_counter()
        with telemetry.span(f"triton {self._model}"):
            async with self._slots:
                try:
                    answer = await self._stub.ModelInfer(
                        request,
                        timeout=self._timeout_s,
                        metadata=[(k, v.decode()) for k, v in telemetry.outgoing()],
                    )
                except (grpc.RpcError, grpc.aio.UsageError) as exc:
                    # UsageError: the channel was closed under it, since the service stops; it is asked again later.
                    raise _fault(exc) from exc
        self._seconds.record(time.perf_counter() - began)
        return answer


class Triton(_Model):
    """Asks the ensemble about captures.

    `model`: the ensemble that serves, unless another one is to be tried before it does.
    """

    def __init__(self, address: str, *, timeout_s: float = 20.0, model: str = MODEL) -> None:
        super().__init__(address, model, timeout_s)

    async def _try(self) -> None:
        await self.inspect([Photo(image=_test_picture())])

    async def inspect(self, photos: Sequence[Photo]) -> Sight:
        """Run the ensemble over the images of one capture.

        Raises:
            DataFault: an image cannot be decoded.
            DependencyFault: Triton is gone, too slow, too busy, or its answer is not what was asked for.
        """
        rows = {"IMAGE": [p.image for p in photos], "DEPTH": [p.depth for p in photos]}
        return read_answer(await self._ask(_request(self._model, rows, self._timeout_s)), len(photos))


class Comparer(_Model):
    """Asks the comparison about a capture's framed pictures and its product's references."""

    def __init__(self, address: str, *, timeout_s: float = 20.0) -> None:
        super().__init__(address, COMPARISON_MODEL, timeout_s)
        #: Learned at the start: there is one version of it, that of the checkout.
        self.versions: dict[str, str] = {}

    async def _try(self) -> None:
        self.versions = {model_versions.key_of(COMPARISON_MODEL): await self._version()}
        await self.compare([_test_picture()], [_test_picture()])

    async def compare(self, query: Sequence[bytes], references: Sequence[bytes]) -> Difference:
        """Compare one capture with at most `MOST_REFERENCES` pictures of its product.

        Raises:
            DataFault: a picture cannot be decoded.
            DependencyFault: Triton is gone, too slow, too busy, or its answer is not what was asked for.
        """
        rows = {"QUERY": query, "REFERENCES": references}
        request = _request(COMPARISON_MODEL, rows, self._timeout_s, batched=False)
        return read_difference(await self._ask(request), len(query), len(references))


def _channel(address: str) -> grpc.aio.Channel:
    limits = [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.enable_http_proxy", 0),
        # The default doubles up to two minutes: long after a Triton that was away for one is back.
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    return grpc.aio.insecure_channel(address, options=limits)


def _request(
    model: str, rows: Mapping[str, Sequence[bytes]], timeout_s: float, *, batched: bool = True
) -> Any:
    request = pb.ModelInferRequest(model_name=model)
    for name, values in rows.items():
        tensor = request.inputs.add(name=name, datatype="BYTES")
        tensor.shape.extend([len(values), 1] if batched else [len(values)])
        request.raw_input_contents.append(b"".join(struct.pack("<I", len(v)) + v for v in values))
    request.parameters["timeout"].int64_param = int(timeout_s * 1e6)
    return request


def read_quality(answer: Any, images: int) -> Quality:
    """The tensors of an answer, after checking that they are what was asked for.

    Raises:
        DependencyFault: a tensor is missing, has another type, shape or length, or holds no shares.
    """
    raw = {o.name: (o, c) for o, c in zip(answer.outputs, answer.raw_output_contents, strict=False)}
    problems = _tensor(raw, "QUALITY", "FP32", (images, *QUALITY), np.dtype("<f4"))
    edges = _tensor(raw, "EDGES", "FP32", (images, *EDGES), np.dtype("<f4"))
    if not all(np.all((part >= 0) & (part <= 1)) for part in (problems, edges)):
        msg = "Triton's answer about photos holds no shares; restart it and look at its log"
        raise DependencyFault(msg)
    return Quality(problems=problems, edges=edges)


def read_answer(answer: Any, images: int) -> Sight:
    """The tensors of an answer, after checking that they are what was asked for.

    Raises:
        DependencyFault: a tensor is missing, has another type, shape or length, or holds no sensible numbers.
    """
    raw = {o.name: (o, c) for o, c in zip(answer.outputs, answer.raw_output_contents, strict=False)}
    damage = _tensor(raw, "DAMAGE", "FP32", (images, *DAMAGE), np.dtype("<f4"))
    embedding = _tensor(raw, "EMBEDDING", "FP32", (images, *EMBEDDING), np.dtype("<f4"))
    matter = _tensor(raw, "MATTER", "FP32", (images, *MATTER), np.dtype("<f4"))
    norms = np.linalg.norm(embedding, axis=1)
    if not (np.all(damage >= 0) and np.all(damage <= 1)) or not np.all(np.abs(norms - 1) < 0.05):
        msg = "Triton's answer holds no probabilities or no unit embeddings; restart it and look at its log"
        raise DependencyFault(msg)
    if not np.isfinite(matter).all():
        msg = "Triton's answer about matter holds no numbers; restart it and look at its log"
        raise DependencyFault(msg)
    versions = model_versions.read_all(
        (model, _tensor(raw, name, "INT64", (images, 2), np.dtype("<i8")))
        for model, name in model_versions.OUTPUTS.items()
    )
    crops = _pictures(raw, "CROP", images)
    return Sight(damage=damage, embedding=embedding, matter=matter, crops=crops, versions=versions)


def read_difference(answer: Any, queries: int, references: int) -> Difference:
    """The tensors of a comparison, after checking that they are what was asked for.

    Raises:
        DependencyFault: a tensor is missing, has another type, shape or length, or holds no sensible numbers.
    """
    raw = {o.name: (o, c) for o, c in zip(answer.outputs, answer.raw_output_contents, strict=False)}
    scores = _tensor(raw, "SCORES", "FP32", COMPARED, np.dtype("<f4"))
    heat = _tensor(raw, "HEAT", "FP16", HEAT, np.dtype("<f2"))
    inliers, query, reference = scores[3:]
    if not (
        np.isfinite(scores).all()
        and np.isfinite(heat).all()
        and inliers >= 0
        and 0 <= query < queries
        and 0 <= reference < references
    ):
        msg = "Triton's comparison holds no scores or names no picture; restart it and look at its log"
        raise DependencyFault(msg)
    return Difference(
        changed=float(scores[0]),
        missing=float(scores[1]),
        mismatch=float(scores[2]),
        inliers=int(inliers),
        query=int(query),
        reference=int(reference),
        heat=heat,
    )


def _pictures(raw: Any, name: str, rows: int) -> tuple[bytes, ...]:
    """A JPEG for each row.

    Raises:
        DependencyFault: there are fewer or more, or one is no JPEG.
    """
    output, content = raw.get(name, (None, b""))
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(content):
        (size,) = struct.unpack_from("<I", content, at)
        found.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    if output is None or at != len(content) or len(found) != rows or not all(map(_is_jpeg, found)):
        msg = f"Triton answered {name} with {len(found)} pictures in {len(content)} bytes instead of {rows} JPEGs"
        raise DependencyFault(msg)
    return tuple(found)


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(_JPEG)


def _tensor(raw: Any, name: str, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    output, content = raw.get(name, (None, b""))
    wanted = int(np.prod(shape)) * dtype.itemsize
    if output is None or output.datatype != kind or tuple(output.shape) != shape or len(content) != wanted:
        got = "nothing" if output is None else f"{output.datatype}{list(output.shape)}, {len(content)} bytes"
        msg = f"Triton answered {name} with {got} instead of {kind}{list(shape)}, {wanted} bytes"
        raise DependencyFault(msg)
    return np.frombuffer(content, dtype).reshape(shape)


def _fault(error: Exception) -> Exception:
    said = _said(error)
    if "DECODE:" in said:
        return DataFault("bad_image", said[said.index("DECODE:") + len("DECODE:") :].strip())
    return DependencyFault(f"Triton: {said}")


def _said(error: Exception) -> str:
    code = getattr(error, "code", None)
    details = getattr(error, "details", None)
    return f"{code().name if code else 'ERROR'}: {details() if details else error}"


def _test_picture() -> bytes:
    """A 32 x 32 PNG with a ramp, for the self-test."""
    rows = b"".join(b"\0" + bytes((x * 8) & 255 for x in range(32) for _ in range(3)) for _ in range(32))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
