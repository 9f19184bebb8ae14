"""The identify service: `python -m services.identify`."""

from services.identify.app import build
from services.kernel.service import run

if __name__ == "__main__":
    run("identify", build)
