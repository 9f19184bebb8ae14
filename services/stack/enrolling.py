"""References on their way into the galleries: when the mesh compares with what was just sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from services.kernel.records import Quarantined
from services.kernel.views import FRESH_S
from services.stack.answers import quarantine_of
from services.stack.observe import Observer
from services.stack.problems import Problem
from services.stack.racks import Submitted


def wait_until_enrolled(
    observer: Observer,
    sent: Sequence[Submitted],
    *,
    timeout_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the galleries hold every reference, and every service has had the time to read that.

    A capture that is sent earlier may be compared with the gallery before.

    Args:
        observer: Reads gallery.references and the quarantines.
        sent: The references, and what the station said.
        timeout_s: How long to wait.
        sleep: Waits so many seconds.

    Raises:
        Problem: one was refused, or is in a quarantine, or they did not all arrive in time.
    """
    refused = [one for one in sent if not one.accepted]
    if refused:
        raise Problem(f"the station refused the reference {refused[0].item_id}: {refused[0].detail}")
    wanted = {one.capture_id for one in sent}

    def enrolled(watching: Observer) -> bool:
        events = watching.observed()
        # Asked ten times a second, about every reference: nearly always there is nothing in quarantine.
        held = [e for e in events if isinstance(e.record, Quarantined)]
        for capture_id in wanted if held else ():
            found = quarantine_of(held, capture_id)
            if found is not None:
                raise Problem(f"a reference is in the quarantine of {found.service}: {found.message}")
        lists = [e.record.references for e in events if e.topic == "gallery.references" and e.record]
        return wanted <= {reference.reference_id for one in lists for reference in one}

    if not observer.wait(enrolled, timeout_s=timeout_s):
        raise Problem(
            f"the galleries did not take all {len(wanted)} references within {timeout_s:.0f} s; ./intact status, and "
            "the logs of inspect and gallery, say why"
        )
    sleep(FRESH_S)
