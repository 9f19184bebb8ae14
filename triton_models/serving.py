"""Where the model repository is, and how to load a module out of it (its folders are no packages)."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

REPOSITORY: Final = Path(__file__).parent / "repository"


@cache
def serving_module(model: str, name: str) -> ModuleType:
    """`name`.py of version 1 of `model`, such as `pixels` of `decode`: the very code that is served.

    Imported as the server does, so that it finds what lies beside it and the one decoder. Names are unique in the
    repository.
    """
    folder = REPOSITORY / model / "1"
    for place in (str(folder), str(REPOSITORY / "decode" / "1")):
        if place not in sys.path:
            sys.path.append(place)
    module = importlib.import_module(name)
    if Path(str(module.__file__)).parent != folder:
        raise ImportError(f"{name} is {module.__file__}, not the one in {folder}: rename it")
    return module
