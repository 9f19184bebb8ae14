"""The calibrate service: `python -m services.calibrate`."""

from services.kernel.service import run
from services.calibrate.app import build

if __name__ == "__main__":
    run("calibrate", build)
