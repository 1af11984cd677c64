"""A Jira site as the rest of the code sees it."""
