"""Things on an issue that are no fields: comments, and what else comes in numbers."""
