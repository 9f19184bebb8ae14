"""What is loaded when, and what a version that fails leaves behind: nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.kernel.model_versions import CLASSIFIER
from services.stack import models, promotion
from services.stack.commands.model import chosen, former_of, state
from services.stack.home import MODEL_REPOSITORY, home_at
from services.stack.ports import free_ports
from services.stack.problems import Problem
from services.stack.promotion import Place
from tests.networks import changed

FILE = MODEL_REPOSITORY / CLASSIFIER / "1" / f"{CLASSIFIER}.onnx"


class FakeControl:
    """A server that remembers what it was told; it refuses to load what stands in `broken`."""

    def __init__(self, served: Path) -> None:
        self.served, self.said = served, list[str]()
        self.broken: set[str] = set()
        self.held: dict[str, list[int]] = {}

    def load(self, model: str) -> None:
        self.said.append(f"load {model}")
        config = models.config_of(self.served / model / "config.pbtxt")
        numbers = list(config.version_policy.specific.versions)
        if model in self.broken and numbers != [1]:
            raise Problem(f"Triton does not load {model}: no weights")
        self.held[model] = numbers

    def unload(self, model: str) -> None:
        self.said.append(f"unload {model}")

    def wait_ready(self, model: str, number: int) -> None:
        self.said.append(f"wait for {model} {number}")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = home_at(tmp_path / "home")
    served = models.build_repository(home, MODEL_REPOSITORY)
    (port,) = free_ports(1)
    control: Any = FakeControl(served)
    environment = {"INTACT_TRITON": f"127.0.0.1:{port}"}
    return Place(home=home, repository=MODEL_REPOSITORY, environment=environment, control=control)


@pytest.fixture
def staged(place: Place, tmp_path: Path) -> models.Version:
    file = changed(FILE, tmp_path / "candidate.onnx", "temperatures", lambda t: 2 * t)
    return models.stage(place.home, MODEL_REPOSITORY, file, 0.75)


def asked(place: Place) -> int:
    config = models.config_of(place.served / "capture_inspection" / "config.pbtxt")
    (number,) = (s.model_version for s in config.ensemble_scheduling.step if s.model_name == CLASSIFIER)
    return int(number)


def held(place: Place) -> list[int]:
    return list(models.config_of(place.served / CLASSIFIER / "config.pbtxt").version_policy.specific.versions)


def loaded_beside(place: Place, version: models.Version) -> None:
    promotion._hold(place, version, lambda _: None)
    promotion.switch(place, version)


def test_a_version_is_loaded_beside_the_one_that_serves(place: Place, staged: models.Version) -> None:
    promotion._hold(place, staged, lambda _: None)
    assert held(place) == [1, staged.number]
    assert asked(place) == 1
    assert place.serving(CLASSIFIER).number == 1


def test_a_switch_reloads_the_ensemble_only_and_remembers_the_way_back(
    place: Place, staged: models.Version
) -> None:
    promotion._hold(place, staged, lambda _: None)
    fake: Any = place.control
    fake.said.clear()
    promotion.switch(place, staged)
    assert fake.said == ["load capture_inspection"]
    assert asked(place) == staged.number
    assert place.serving(CLASSIFIER) == staged
    former = models.before(place.registry, place.versions(CLASSIFIER))
    assert former is not None
    assert former.number == 1


def test_the_way_back_is_one_switch_and_leads_back_again(place: Place, staged: models.Version) -> None:
    loaded_beside(place, staged)
    fake: Any = place.control
    fake.said.clear()
    assert promotion.go_back(place, CLASSIFIER, lambda _: None, lambda *_: None).number == 1
    assert fake.said == ["load capture_inspection"]
    assert asked(place) == 1
    assert promotion.go_back(place, CLASSIFIER, lambda _: None, lambda *_: None) == staged


def test_a_version_that_does_not_load_leaves_the_server_as_it_was(
    place: Place, staged: models.Version
) -> None:
    fake: Any = place.control
    fake.broken.add(CLASSIFIER)
    with pytest.raises(Problem, match="no weights"), promotion.candidate(place, staged, lambda _: None):
        pytest.fail("it must not get here")
    assert held(place) == fake.held[CLASSIFIER] == [1]
    assert asked(place) == 1
    assert models.before(place.registry, place.versions(CLASSIFIER)) is None


def test_a_version_that_does_not_answer_right_is_not_switched_to_nor_a_way_back(
    place: Place, staged: models.Version
) -> None:
    """Nobody listens at the server's address, so the trial fails."""
    with (
        pytest.raises(Problem, match=r"101\+.* does not serve"),
        promotion.candidate(place, staged, lambda _: None),
    ):
        pytest.fail("it must not get here")
    assert held(place) == [1]
    assert place.serving(CLASSIFIER).number == 1
    assert models.before(place.registry, place.versions(CLASSIFIER)) is None
    assert not (place.served / "capture_inspection_candidate").exists()


def test_letting_go_leaves_the_one_that_serves(place: Place, staged: models.Version) -> None:
    loaded_beside(place, staged)
    promotion.let_go(place, CLASSIFIER, lambda _: None)
    assert held(place) == [staged.number]
    with pytest.raises(Problem, match="no version of damage_classifier served before"):
        promotion.go_back(place, CLASSIFIER, lambda _: None, lambda *_: None)


def test_the_list_says_what_each_version_does(place: Place, staged: models.Version) -> None:
    def states() -> list[str]:
        found = place.versions(CLASSIFIER)
        return [state(place.registry, found, version) for version in found]

    assert states() == ["serves", "staged"]
    loaded_beside(place, staged)
    assert states() == ["served before", "serves"]


def test_a_number_that_several_networks_ship_needs_the_networks_name(
    place: Place, staged: models.Version
) -> None:
    found = models.versions(place.home, MODEL_REPOSITORY)
    assert chosen(found, staged.number, None) == staged
    with pytest.raises(Problem, match="several networks ship a version 1: say which"):
        chosen(found, 1, None)
    assert chosen(found, 1, CLASSIFIER).model == CLASSIFIER
    with pytest.raises(Problem, match="there is no version 7"):
        chosen(found, 7, None)
    with pytest.raises(Problem, match="no network is called nose"):
        chosen(found, 1, "nose")


def test_the_network_to_go_back_with_is_the_one_that_has_a_way_back(
    place: Place, staged: models.Version
) -> None:
    with pytest.raises(Problem, match="no version served before"):
        former_of(place, None)
    loaded_beside(place, staged)
    assert former_of(place, None) == CLASSIFIER
