"""Lanes: a profile's issues are spread over a few, so that one issue is never in two hands."""

LANES = 8


def lane_of(issue_id: int) -> int:
    """The lane of a pair, from the issue that it began with."""
    return issue_id % LANES
