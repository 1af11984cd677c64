"""The demo: two Jira sites of the sandbox with Tandem installed in both, and the walk by machine."""
