"""The inspect service: `python -m services.inspect`."""

from services.inspect.app import build
from services.kernel.service import run

if __name__ == "__main__":
    run("inspect", build)
