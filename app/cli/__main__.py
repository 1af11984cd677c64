"""`python -m app.cli`: the same as `tandem`."""

from app.cli import main

main()
