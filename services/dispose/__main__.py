"""The dispose service: `python -m services.dispose`."""

from services.dispose.app import build
from services.kernel.service import run

if __name__ == "__main__":
    run("dispose", build)
