"""The vendors service: `python -m services.vendors`."""

from services.kernel.service import run
from services.vendors.app import build

if __name__ == "__main__":
    run("vendors", build)
