"""Structured logs: one line of JSON an event, on standard error; no issue content, no secrets.

`fields` lists what a line may carry; docs/logs.md says what each field means.
"""

from __future__ import annotations

from app.logs.per_request import bind_tenant, log_requests
from app.logs.setup import configure_logs

__all__ = ["bind_tenant", "configure_logs", "log_requests"]
