"""Settings come from the environment and keep their secrets."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.kernel.settings import Settings

SECRETS = {"postgres": "postgresql://u:hunter2@h/d", "station_tokens": "s1:swordfish"}


def test_secrets_do_not_print() -> None:
    settings = Settings.model_validate(SECRETS)
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert "hunter2" not in shown
    assert "swordfish" not in shown
    assert settings.postgres.get_secret_value() == SECRETS["postgres"]


def test_settings_do_not_change_while_a_process_runs() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().brokers = "elsewhere:9092"


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("commit_interval_s", 0),
        ("dependency_patience_s", -1),
        ("sample_rate", 1.5),
        ("station_max_in_flight", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name: str, bad: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: bad})
