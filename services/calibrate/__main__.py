"""The calibrate service: `python -m services.calibrate`."""

from services.calibrate.app import build
from services.kernel.service import run

if __name__ == "__main__":
    run("calibrate", build)
