"""Which plans there are, by their files alone: the registry files sites under plans, and reads none of them."""

import importlib.resources
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.wire.settings import PREFIX
from collector.config import DEFAULT_PATH, read
from collector.errors import UsageError

PLAN_SUFFIX: Final = ".toml"
SITES_SUFFIX: Final = ".sites.toml"
"""Of the file that names the sites of a plan's groups."""
LOCAL_CONFIG: Final = "collector.toml"


def known_plans(folder: str | Path | None = None) -> list[str]:
    """The ids of the shipped plans and of those in a folder; raises UsageError when it cannot be read."""
    shipped = (file.name for file in importlib.resources.files("collector.plans").iterdir())
    return sorted(
        {name.removesuffix(PLAN_SUFFIX) for name in shipped if name.endswith(PLAN_SUFFIX)} | {*plan_files(folder)}
    )


def plan_files(folder: str | Path | None) -> dict[str, Path]:
    """The plans' files in a folder, by the id that each one's name promises; raises UsageError."""
    if not folder:
        return {}
    try:
        found = sorted(Path(folder).iterdir())
    except OSError as error:
        raise UsageError(f"plans.folder: cannot read {folder}: {error.strerror}") from error
    return {
        path.name.removesuffix(PLAN_SUFFIX): path
        for path in found
        if path.name.endswith(PLAN_SUFFIX) and not path.name.endswith(SITES_SUFFIX) and not path.name.startswith(".")
    }


def plans_folder(config: str | None, environment: Mapping[str, str] | None = None) -> str | None:
    """Where the configuration keeps further plans; None where it names no folder, or where there is none."""
    environment = os.environ if environment is None else environment
    if config:
        return read(Path(config), environment).plans.folder
    named = environment.get(f"{PREFIX}PLANS_FOLDER")
    found = [path for path in (Path(LOCAL_CONFIG), DEFAULT_PATH) if path.exists()]
    return named or (read(found[0], environment).plans.folder if found else None)
