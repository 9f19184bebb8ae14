"""The inspect service: `python -m services.inspect`."""

from services.kernel.service import run
from services.inspect.app import build

if __name__ == "__main__":
    run("inspect", build)
