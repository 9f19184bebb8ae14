"""Whose token it is."""

import pytest

from services.kernel.faults import ConfigurationFault
from services.station.problems import Problem
from services.station.tokens import Tokens


def test_a_token_names_its_station_and_a_station_id_may_have_colons() -> None:
    tokens = Tokens(" s1:aaa, rack:7:bbb,s1:ccc ,")
    assert [tokens.station(f"Bearer {t}") for t in ("aaa", "bbb", "ccc")] == ["s1", "rack:7", "s1"]
    assert tokens.station("bearer aaa") == "s1"


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer aa", "Basic aaa", "aaa", "Bearer aaa bbb", "Bearer \xff"],
)
def test_anything_else_is_nobody(header: str | None) -> None:
    with pytest.raises(Problem):
        Tokens("s1:aaa").station(header)


@pytest.mark.parametrize("setting", ["", " , ", "s1", "s1:", ":aaa", "s1:aaa,s2:aaa"])
def test_a_setting_that_lets_nobody_or_two_stations_in_is_refused_at_the_start(setting: str) -> None:
    with pytest.raises(ConfigurationFault, match="INTACT_STATION_TOKENS"):
        Tokens(setting)
