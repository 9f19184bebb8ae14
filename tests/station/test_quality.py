"""What the answer says about the photos themselves, and that it costs the capture nothing when nobody can say."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx
import numpy as np
import pytest
import structlog
from tritonclient.grpc import service_pb2 as pb

from services.kernel.faults import DataFault, DependencyFault
from services.kernel.triton import Quality, read_quality
from services.station.quality import EDGES, PROBLEMS, Looker, findings
from tests.station.rack import Rack, Shot, depth, depth_shot, jpeg, png
from triton_models.serving import serving_module

Scores = dict[str, float]


def quality(*images: Scores) -> Quality:
    """Say that the images have these scores; scores of edges are by their names too."""
    rows = [[[image.get(name, 0.0) for name in names] for image in images] for names in (PROBLEMS, EDGES)]
    problems, edges = (np.array(row, np.float32) for row in rows)
    return Quality(problems=problems, edges=edges)


class Model:
    """A model that answers as it is told; it remembers what it was asked."""

    def __init__(self, answer: Callable[[], Awaitable[Quality]]) -> None:
        self.answer = answer
        self.asked: list[list[bytes]] = []

    async def measure(self, images: Sequence[bytes]) -> Quality:
        self.asked.append(list(images))
        return await self.answer()


def says(*images: Scores) -> Model:
    async def answer() -> Quality:
        return quality(*images)

    return Model(answer)


def fails(fault: Exception) -> Model:
    async def answer() -> Quality:
        raise fault

    return Model(answer)


async def hangs() -> Quality:
    await asyncio.Event().wait()
    raise AssertionError


async def post(looker: Looker, *shots: Shot) -> tuple[httpx.Response, Rack]:
    rack = Rack(looker=looker)
    async with rack.client:
        return await rack.post(*shots), rack


def answer(**tensors: np.ndarray) -> pb.ModelInferResponse:
    made = pb.ModelInferResponse()
    for name, tensor in tensors.items():
        made.outputs.add(name=name, datatype="FP32").shape.extend(tensor.shape)
        made.raw_output_contents.append(tensor.astype("<f4").tobytes())
    return made


def test_an_answer_is_read_if_it_is_what_was_asked_for() -> None:
    read = read_quality(answer(QUALITY=np.full((2, 5), 0.25), EDGES=np.zeros((2, 4))), 2)
    assert (read.problems.shape, float(read.problems[1, 4]), read.edges.shape) == ((2, 5), 0.25, (2, 4))


@pytest.mark.parametrize("bad", [np.zeros((1, 5)), np.full((2, 5), 1.5), np.full((2, 5), np.nan)])
def test_an_answer_that_is_not_is_the_dependencys_fault(bad: np.ndarray) -> None:
    with pytest.raises(DependencyFault):
        read_quality(answer(QUALITY=bad, EDGES=np.zeros((2, 4))), 2)


def test_the_columns_are_those_of_the_model() -> None:
    served = serving_module("capture_quality", "quality")
    assert (served.PROBLEMS, served.EDGES) == (PROBLEMS, EDGES)


async def test_a_bad_picture_is_told_with_its_camera_its_problem_and_what_to_do() -> None:
    response, rack = await post(Looker(says({"cut_off": 0.9, "left": 0.3})), Shot(camera="top"))
    assert response.status_code == 202
    assert response.json()["quality"] == [
        {
            "camera": "top",
            "problems": ["cut_off"],
            "advice": "The item is cut off at the left edge of the top picture: "
            "move it to the middle and photograph again.",
        }
    ]
    assert len(rack.broker.captures()) == 1


async def test_good_pictures_have_no_findings() -> None:
    response, _ = await post(Looker(says({"dark": 0.49})))
    assert response.json()["quality"] == []
    assert "quality_reason" not in response.json()


async def test_only_colour_pictures_are_measured_and_each_finding_names_its_own() -> None:
    model = says({}, {"dark": 0.8})
    side = Shot(part="side", camera="side", data=png(), media_type="image/png", filename="side.png")
    response, _ = await post(Looker(model), Shot(camera="top"), depth_shot(depth()), side)
    assert model.asked == [[jpeg(), png()]]
    assert [f["camera"] for f in response.json()["quality"]] == ["side"]


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"cut_off": 1, "left": 0.2, "top": 0.1}, "at the left and the top edge of the side picture"),
        ({"cut_off": 1, "left": 0.2, "top": 0.1, "right": 0.4}, "at several edges of the side picture"),
        ({"blurred": 0.5}, "The side picture is blurred: "),
        ({"dark": 1}, "The side picture is too dark: "),
        ({"covered": 1}, "Something covers the item in the side picture: "),
        ({"empty": 1}, "The side picture shows an empty tray: "),
    ],
    ids=["two edges", "many edges", *PROBLEMS[1:]],
)
def test_each_problem_has_its_words(scores: Scores, words: str) -> None:
    (finding,) = findings(["side"], quality(scores))
    assert words in finding["advice"]
    assert finding["advice"].endswith("photograph again.")


def test_two_problems_are_two_sentences() -> None:
    (finding,) = findings(["top"], quality({"blurred": 1, "dark": 1}))
    assert finding["problems"] == ["blurred", "dark"]
    assert finding["advice"].count("photograph again.") == 2


async def test_a_slow_model_delays_the_acceptance_by_its_deadline_only() -> None:
    began = time.monotonic()
    response, rack = await post(Looker(Model(hangs), deadline_s=0.05))
    assert time.monotonic() - began < 2
    assert response.status_code == 202
    assert response.json()["quality"] is None
    assert response.json()["quality_reason"] == "Triton did not answer within 0.05 s"
    assert len(rack.broker.captures()) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (DependencyFault("Triton: UNAVAILABLE: ipv4:10.0.0.7"), "Triton does not answer"),
        (DataFault("bad_image", "is damaged or cut off"), "damaged"),
        (ZeroDivisionError("oops"), "a fault of the gateway"),
    ],
    ids=["dead", "unreadable", "bug"],
)
async def test_whatever_the_model_does_the_capture_is_accepted(fault: Exception, reason: str) -> None:
    with structlog.testing.capture_logs():
        response, rack = await post(Looker(fails(fault)))
    assert (response.status_code, response.json()["quality"]) == (202, None)
    assert reason in response.json()["quality_reason"]
    assert "10.0.0.7" not in response.text
    assert len(rack.broker.captures()) == 1


async def test_a_model_that_is_away_is_left_alone_for_a_moment_and_each_change_is_logged_once() -> None:
    now = [0.0]
    model = fails(DependencyFault("Triton: UNAVAILABLE"))
    looker = Looker(model, clock=lambda: now[0])
    with structlog.testing.capture_logs() as lines:
        for now[0] in (0.0, 0.1, 0.9, 1.1, 1.2):
            assert (await looker.look(["top"], [b"x"])).reason == "Triton does not answer"
        assert len(model.asked) == 2
        model.answer = says({}).answer
        for now[0] in (2.2, 2.3):
            assert (await looker.look(["top"], [b"x"])).quality == []
    assert len(model.asked) == 4
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("quality.away", "warning"),
        ("quality.back", "info"),
    ]


async def test_a_picture_that_cannot_be_read_does_not_mean_that_the_model_is_away() -> None:
    model = fails(DataFault("bad_image", "is damaged"))
    looker = Looker(model)
    await looker.look(["top"], [b"x"])
    await looker.look(["top"], [b"x"])
    assert len(model.asked) == 2


async def test_what_is_too_much_for_the_deadline_is_not_sent() -> None:
    model = says({})
    told = await Looker(model).look(["top"] * 17, [b"x"] * 17)
    assert (told.quality, model.asked) == (None, [])


async def test_switched_off_it_says_so(rack: Rack) -> None:
    body = (await rack.post()).json()
    assert body["quality"] is None
    assert "INTACT_QUALITY" in body["quality_reason"]
