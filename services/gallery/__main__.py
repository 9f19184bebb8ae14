"""The gallery service: `python -m services.gallery`."""

from services.gallery.app import build
from services.kernel.service import run

if __name__ == "__main__":
    run("gallery", build)
