"""MQTT topics, version 1. A new major version of the contract is a new root, so both can be read side by side."""

import re
from typing import Final, Literal

ROOT: Final = "linkgauge/v1"
COLLECTOR: Final = f"{ROOT}/collector"
AGENT_ID: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"

Leaf = Literal["report", "status", "receipt", "profile", "request"]
_LEAVES: Final = {"report", "status", "receipt", "profile", "request"}
_AGENT_ID = re.compile(AGENT_ID)


def topic(agent: str, leaf: Leaf) -> str:
    """Name the topic of one agent; raises ValueError for an id that could escape its place in the tree."""
    if not _AGENT_ID.fullmatch(agent) or agent == "collector":
        raise ValueError(f"agent id {agent!r} is not [a-z0-9][a-z0-9-]{{0,62}}, or is reserved")
    return f"{ROOT}/{agent}/{leaf}"


def parse(name: str) -> tuple[str, str] | None:
    """Split a topic into agent id and leaf; None for anything that is not an agent's topic of this version."""
    prefix, _, rest = name.partition(f"{ROOT}/")
    agent, _, leaf = rest.partition("/")
    if prefix or leaf not in _LEAVES or not _AGENT_ID.fullmatch(agent) or agent == "collector":
        return None
    return agent, leaf
