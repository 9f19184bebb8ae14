"""All settings of a process, read once from its environment (prefix ``INTACT_``)."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the real parts are, and how patient and how strict to be. Secrets never print."""

    model_config = SettingsConfigDict(env_prefix="INTACT_", frozen=True, extra="ignore")

    brokers: str = "127.0.0.1:9092"
    triton: str = "127.0.0.1:8001"
    postgres: SecretStr = SecretStr("postgresql://127.0.0.1/intact")
    store: str = "file:///var/lib/intact"
    instance: str = Field(
        default="",
        description="stable name of this replica: it gets its partitions back at once after a crash",
    )
    health_port: int = Field(default=0, description="loopback port of /live and /ready; 0: none")
    log_level: str = "INFO"

    commit_interval_s: float = Field(default=2.0, gt=0)
    dependency_patience_s: float = Field(
        default=900.0, gt=0, description="how long an event waits for a dependency before quarantine"
    )
    row_patience_s: float = Field(
        default=5.0, ge=0, description="how long an event waits for a reference row that may be on its way"
    )
    commit_stall_s: float = Field(
        default=60.0, gt=0, description="liveness fails when commits stall this long"
    )
    gather_s: float = Field(
        default=0.2,
        ge=0,
        description="what Triton has inspected goes on in bursts, at most this often; 0: one by one",
    )
    gather_compared_s: float = Field(
        default=0.3,
        ge=0,
        description="the same of what Triton has compared; longer, since more services follow",
    )
    triton_timeout_s: float = Field(default=20.0, gt=0)
    quality: bool = Field(
        default=True,
        description="the station asks Triton about the photos themselves: cut off, blurred, dark",
    )

    station_port: int = 0
    station_tokens: SecretStr = Field(default=SecretStr(""), description="station:token,station:token,...")
    station_max_in_flight: int = Field(default=64, gt=0, description="captures at once; more get 503")
    station_max_image_bytes: int = Field(default=20 * 2**20, gt=0)
    station_max_images: int = Field(default=12, gt=0)
    station_max_pixels: int = Field(default=50_000_000, gt=0)
    deadline_s: float = Field(
        default=30.0, gt=0, description="capture to the belt's diverter, unless the rack says"
    )

    sample_rate: float = Field(
        default=0.01, ge=0, le=1, description="share of passing items pulled for labels"
    )
    sideline_per_hour: int = Field(
        default=120, ge=0, description="items per hour that a center's stage can look at"
    )
    false_sideline_budget: float = Field(
        default=0.01, gt=0, lt=1, description="share of intact items pulled wrongly"
    )
    damage_prior: float = Field(
        default=0.001,
        gt=0,
        lt=1,
        description="share of items that are damaged on this belt; probabilities of damage are given for it",
    )
    default_threshold: float | None = Field(
        default=None, description="sideline threshold before labels exist; None: the models' own calibration"
    )
    pin_thresholds: bool = Field(default=False, description="calibrate observes and publishes nothing")
