"""The demo: two Jira sites with Tandem installed in both, and the walk by machine."""
