"""The job engine's app, the bell and the tasks."""
