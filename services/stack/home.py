"""Where a stack keeps what it writes: one folder, `.intact`, that can be deleted at any time when nothing runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: The checkout: the folder that holds `services/`.
PROJECT = Path(__file__).resolve().parents[2]
MODEL_REPOSITORY = PROJECT / "triton_models" / "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """One stack's folder. `cache` holds what was downloaded or assembled, and is shared by all stacks."""

    root: Path
    cache: Path

    @property
    def run(self) -> Path:
        """The state of the running stack and its logs."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.run / "logs"

    @property
    def state(self) -> Path:
        """What runs: processes, ports, since when. It holds passwords, so only its owner may read it."""
        return self.run / "state.json"

    @property
    def lock(self) -> Path:
        """Held while a stack is started or stopped."""
        return self.run / "lock"

    @property
    def kafka(self) -> Path:
        """Kafka's log segments and property file."""
        return self.root / "kafka"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's cluster and its password."""
        return self.root / "postgres"

    @property
    def store(self) -> Path:
        """The object store's folder."""
        return self.root / "store"

    @property
    def models(self) -> Path:
        """The model repository that is served, and the versions that people staged."""
        return self.root / "models"

    def log(self, name: str) -> Path:
        """Return the log file of the process `name`."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.logs, self.cache, self.kafka, self.postgres, self.store):
            folder.mkdir(parents=True, exist_ok=True)


def default_home() -> Home:
    """Return the folder of this checkout's own stack: $INTACT_HOME, else `.intact` in the checkout."""
    root = Path(os.environ.get("INTACT_HOME") or PROJECT / ".intact").resolve()
    return Home(root=root, cache=root / "cache")


def home_at(root: Path) -> Home:
    """Return a home of its own at `root` (a test's, for example) that uses the checkout's cache."""
    return Home(root=root.resolve(), cache=default_home().cache)
