"""The gallery service: `python -m services.gallery`."""

from services.kernel.service import run
from services.gallery.app import build

if __name__ == "__main__":
    run("gallery", build)
