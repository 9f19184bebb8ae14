"""The compare service: `python -m services.compare`."""

from services.kernel.service import run
from services.compare.app import build

if __name__ == "__main__":
    run("compare", build)
