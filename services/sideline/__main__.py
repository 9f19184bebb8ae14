"""The sideline service: `python -m services.sideline`."""

from services.kernel.service import run
from services.sideline.app import build

if __name__ == "__main__":
    run("sideline", build)
