"""The assess service: `python -m services.assess`."""

from services.assess.app import build
from services.kernel.service import run

if __name__ == "__main__":
    run("assess", build)
