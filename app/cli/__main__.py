"""`python -m app.cli`: the same as `tandem`."""

import gc

# Before the imports: they make so many objects that to look at them again and again takes a tenth
# of their time. Python's own value is 700.
gc.set_threshold(10_000, 20, 50)

from app.cli import main  # noqa: E402

main()
