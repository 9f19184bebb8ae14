"""The compare service: `python -m services.compare`."""

from services.compare.app import build
from services.kernel.service import run

if __name__ == "__main__":
    run("compare", build)
