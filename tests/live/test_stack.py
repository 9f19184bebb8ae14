"""The stack on real Kafka, Triton and PostgreSQL, with a model of three lines and no services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
import tritonclient.grpc
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from services.kernel import topics
from services.stack import processes, state
from services.stack.home import PROJECT, Home, home_at
from services.stack.local import Stack
from services.stack.problems import Problem

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

CONFIG = """
backend: "python"
max_batch_size: 8
input [{ name: "X" data_type: TYPE_FP32 dims: [ 4 ] }]
output [{ name: "Y" data_type: TYPE_FP32 dims: [ 4 ] }]
instance_group [{ count: 1 kind: KIND_CPU }]
"""
MODEL = """
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        inputs = [pb.get_input_tensor_by_name(request, "X").as_numpy() for request in requests]
        return [pb.InferenceResponse([pb.Tensor("Y", x + x)]) for x in inputs]
"""
#: A command that starts a stack and waits, as `./intact demo` does.
COMMAND = """
import signal, sys, time
from pathlib import Path
from services.stack.home import home_at
from services.stack.local import Stack
# A shell's background job ignores Ctrl-C, and so would this one if the tests are such a job.
signal.signal(signal.SIGINT, signal.default_int_handler)
with Stack(home_at(Path(sys.argv[1])), services=(), repository=Path(sys.argv[2])):
    time.sleep(120)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    (folder / "twice" / "1").mkdir(parents=True)
    (folder / "twice" / "config.pbtxt").write_text(CONFIG, encoding="utf-8")
    (folder / "twice" / "1" / "model.py").write_text(MODEL, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def stack(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = home_at(tmp_path_factory.mktemp("a home with spaces "))
    with Stack(home, services=(), repository=repository) as started:
        yield started


def command(home: Home, repository: Path) -> subprocess.Popen[bytes]:
    """Start the command above, in a group of its own, and return once it has started a part."""
    argv = (sys.executable, "-c", COMMAND, str(home.root), str(repository))
    started = subprocess.Popen(argv, env=os.environ | {"PYTHONPATH": str(PROJECT)}, start_new_session=True)
    until = time.monotonic() + 60
    while (found := state.load(home)) is None or not found.parts:
        assert time.monotonic() < until, "nothing was started"
        assert started.poll() is None, "the command ended early"
        time.sleep(0.05)
    return started


def test_every_topic_of_the_mesh_is_there(stack: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.environment()["INTACT_BROKERS"]})
    present = admin.list_topics(timeout=10).topics
    for topic in (*topics.TOPICS, *topics.quarantine_topics()):
        assert len(present[topic.name].partitions) == topic.partitions, topic.name


def test_kafka_keeps_what_it_acknowledged_and_refuses_what_is_too_large(stack: Stack) -> None:
    brokers = {"bootstrap.servers": stack.environment()["INTACT_BROKERS"]}
    errors: list[str | None] = []

    def note(error: KafkaError | None, _message: object) -> None:
        errors.append(error.name() if error else None)

    producer = Producer(brokers | {"acks": "all", "message.max.bytes": 3 * topics.MESSAGE_MAX_BYTES})
    topic = topics.quarantine_topics()[0].name
    producer.produce(topic, b"kept", callback=note)
    assert producer.flush(20) == 0
    producer.produce(topic, os.urandom(2 * topics.MESSAGE_MAX_BYTES), callback=note)
    assert producer.flush(20) == 0
    assert errors == [None, "MSG_SIZE_TOO_LARGE"]
    consumer = Consumer(brokers | {"group.id": "test", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    message = consumer.poll(20)
    assert message is not None
    assert message.value() == b"kept"
    consumer.close()


def test_triton_answers_with_real_numbers(stack: Stack) -> None:
    with tritonclient.grpc.InferenceServerClient(stack.environment()["INTACT_TRITON"]) as client:
        tensor = tritonclient.grpc.InferInput("X", [2, 4], "FP32")
        given = np.arange(8, dtype=np.float32).reshape(2, 4)
        tensor.set_data_from_numpy(given)
        answer = client.infer("twice", [tensor], client_timeout=10).as_numpy("Y")
    assert answer is not None
    np.testing.assert_array_equal(answer, given + given)


def test_postgres_has_the_vector_type_and_wants_its_password(stack: Stack) -> None:
    uri = stack.environment()["INTACT_POSTGRES"]
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT '[1,2]'::vector <-> '[4,6]'").fetchone() == (5.0,)
    host = uri.rsplit("@", 1)[1]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://intact:wrong@{host}")


def test_a_second_start_says_that_one_is_up_and_since_when(stack: Stack, repository: Path) -> None:
    with pytest.raises(Problem, match=r"is up already.*since \d{4}-.*3 processes"):
        Stack(stack.home, services=(), repository=repository).start()
    assert len(stack.state.running()) == 3


def test_other_commands_find_the_running_stack(stack: Stack) -> None:
    assert Stack.running(stack.home).environment() == stack.environment()


def test_stopping_leaves_no_process_and_a_new_start_finds_the_data(repository: Path, tmp_path: Path) -> None:
    topic = topics.quarantine_topics()[0].name
    with Stack(home_at(tmp_path), services=(), repository=repository) as first:
        producer = Producer({"bootstrap.servers": first.environment()["INTACT_BROKERS"]})
        producer.produce(topic, b"still here")
        assert producer.flush(20) == 0
        parts = first.state.parts
    assert not any(processes.alive(part) for part in parts)
    assert state.load(first.home) is None
    with Stack(home_at(tmp_path), services=(), repository=repository) as second:
        brokers = second.environment()["INTACT_BROKERS"]
        consumer = Consumer({"bootstrap.servers": brokers, "group.id": "t", "auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        message = consumer.poll(20)
        assert message is not None
        assert message.value() == b"still here"
        consumer.close()


def test_ctrl_c_in_the_middle_of_a_start_ends_everything(repository: Path, tmp_path: Path) -> None:
    home = home_at(tmp_path)
    started = command(home, repository)
    found = state.load(home)
    started.send_signal(signal.SIGINT)
    assert started.wait(60) != 0
    assert found is not None
    assert not any(processes.alive(part) for part in found.parts)
    assert state.load(home) is None


def test_what_a_killed_command_left_is_cleared_away_by_the_next_start(
    repository: Path, tmp_path: Path
) -> None:
    home = home_at(tmp_path)
    started = command(home, repository)
    started.kill()
    started.wait(10)
    left = state.load(home)
    assert left is not None
    with Stack(home, services=(), repository=repository) as again:
        assert not any(processes.alive(part) for part in left.parts)
        assert len(again.state.running()) == 3


def test_a_model_that_does_not_load_ends_the_start_with_its_reason(tmp_path: Path) -> None:
    broken = tmp_path / "models"
    (broken / "twice" / "1").mkdir(parents=True)
    (broken / "twice" / "config.pbtxt").write_text(CONFIG, encoding="utf-8")
    (broken / "twice" / "1" / "model.py").write_text("raise RuntimeError('no weights')", encoding="utf-8")
    with pytest.raises(Problem, match=r"(?s)triton ended while it started.*no weights"):
        Stack(home_at(tmp_path / "home"), services=(), repository=broken).start()
    assert state.load(home_at(tmp_path / "home")) is None
