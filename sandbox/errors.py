"""Jira's refusals, as an exception that the server turns into Jira's error body."""

from __future__ import annotations

from sandbox.model import JsonDict


class JiraError(Exception):
    """A refusal with Jira's status, general messages and errors by field."""

    def __init__(
        self,
        status: int,
        *messages: str,
        fields: dict[str, str] | None = None,
        body: JsonDict | None = None,
    ) -> None:
        """`body` replaces the usual {"errorMessages": [], "errors": {}} where Jira differs."""
        super().__init__(status, messages, fields)
        self.status = status
        self.messages = list(messages)
        self.fields = dict(fields or {})
        self.body = body

    def to_json(self) -> JsonDict:
        """The body Jira answers with."""
        if self.body is not None:
            return self.body
        return {"errorMessages": self.messages, "errors": self.fields}


class PlainError(JiraError):
    """A refusal that Jira says in plain text, before its REST API has its word."""

    def __init__(self, status: int, text: str) -> None:
        """`text` is all of the body."""
        super().__init__(status, text)
        self.text = text


def missing_issue() -> JiraError:
    """The refusal for an issue that is not there or that the caller may not see."""
    return JiraError(404, "Issue does not exist or you do not have permission to see it.")
