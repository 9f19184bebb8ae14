"""The dispose service: `python -m services.dispose`."""

from services.kernel.service import run
from services.dispose.app import build

if __name__ == "__main__":
    run("dispose", build)
