"""What can go wrong, named by what is done about it.

    Fault
    ├── DataFault         the event itself is wrong: quarantine it, go on with the next.
    │                     Operator: `intact quarantine list|show`, mend the sender, `intact quarantine retry`.
    ├── DependencyFault   something we need does not answer: wait and try again, its partition is paused meanwhile.
    │   │                 Operator: `intact status`, then the log of the dependency that is named.
    │   └── MissingRow    a reference row that may be on its way: wait a little, then quarantine.
    │                     Operator: send the row that is named, then `intact quarantine retry`.
    └── ConfigurationFault  the process cannot run as it is set up: end with one clear sentence.
                          Operator: mend the setting that is named.

Anything else is a bug: the event is quarantined with the traceback, so that one bad event never stops a partition.
"""

from __future__ import annotations


class Fault(Exception):
    """Base of all errors that the mesh expects."""


class DataFault(Fault):
    """The event cannot be processed, however often it is tried; `reason` is a stable code for counting."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DependencyFault(Fault):
    """Triton, the store, the broker, the database or a row that should arrive soon is not there yet."""


class MissingRow(DependencyFault):
    """A reference row (product, vendor, order, tote) that may still be on its way; patience is short."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfigurationFault(Fault):
    """A setting, a topic or a schema makes it impossible to run."""
