"""The identify service: `python -m services.identify`."""

from services.kernel.service import run
from services.identify.app import build

if __name__ == "__main__":
    run("identify", build)
