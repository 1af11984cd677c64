"""Keeping two issues in step: the pure merge and the shell around it."""
