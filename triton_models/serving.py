"""Where the model repository is, and how to load a module out of it (its folders are no packages)."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

REPOSITORY: Final = Path(__file__).parent / "repository"


@cache
def serving_module(model: str, name: str) -> ModuleType:
    """`name`.py of version 1 of `model`, such as `pixels` of `decode`: the very code that is served."""
    path = REPOSITORY / model / "1" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{model}_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
