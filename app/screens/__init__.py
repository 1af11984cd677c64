"""The pages inside Jira."""
