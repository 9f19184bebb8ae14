"""Run the station gateway: `python -m services.station`."""

import sys

from services.station.process import run

if __name__ == "__main__":
    sys.exit(run())
