"""What happened to which issue."""
