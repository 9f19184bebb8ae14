"""The replace service: `python -m services.replace`."""

from services.kernel.service import run
from services.replace.app import build

if __name__ == "__main__":
    run("replace", build)
