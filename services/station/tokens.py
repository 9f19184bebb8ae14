"""Which station a bearer token belongs to."""

import hashlib
import hmac
import os

from services.kernel.faults import ConfigurationFault
from services.station.problems import Kind, Problem


class Tokens:
    """The stations' tokens, from ``station:token,station:token``; a station may have several while they are changed.

    Tokens are looked up by a digest under a key that only this process knows: how long that takes tells nothing about
    any token, however many stations there are.
    """

    def __init__(self, setting: str) -> None:
        self._key = os.urandom(32)
        self._stations: dict[bytes, str] = {}
        for entry in filter(None, (e.strip() for e in setting.split(","))):
            station, _, token = entry.rpartition(":")
            if not station or not token:
                raise ConfigurationFault("INTACT_STATION_TOKENS must be station:token,station:token,…")
            if self._stations.setdefault(self._digest(token.encode()), station) != station:
                raise ConfigurationFault(
                    f"INTACT_STATION_TOKENS gives station {station} the token of another; each needs its own"
                )
        if not self._stations:
            raise ConfigurationFault(
                "INTACT_STATION_TOKENS is empty: no station could send; set station:token,…"
            )

    def _digest(self, token: bytes) -> bytes:
        return hmac.digest(self._key, token, hashlib.sha256)

    def station(self, authorization: str | None) -> str:
        """Return the station of an Authorization header, or raise a Problem."""
        scheme, _, token = (authorization or "").partition(" ")
        station = (
            self._stations.get(self._digest(token.strip().encode())) if scheme.lower() == "bearer" else None
        )
        if station is None:
            raise Problem(
                Kind.UNAUTHORIZED,
                "send the header 'Authorization: Bearer <token>' with the token that was given to this station",
                headers={"WWW-Authenticate": 'Bearer realm="intact"'},
            )
        return station
