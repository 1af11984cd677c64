"""A stand-in for two Jira Cloud sites; it never imports `app`."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Give `sandbox.running` without loading the process tools for those who only serve."""
    if name == "running":
        from sandbox.process import running

        return running
    raise AttributeError(name)
