"""The one error of this folder that is a person's to mend."""

from __future__ import annotations


class BadData(ValueError):
    """Data that cannot be worked on; the message is one sentence that names the file, and the row if there is one."""
