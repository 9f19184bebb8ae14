"""The assess service: `python -m services.assess`."""

from services.kernel.service import run
from services.assess.app import build

if __name__ == "__main__":
    run("assess", build)
