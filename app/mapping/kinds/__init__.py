"""One module for each kind of value; a new kind is a module here and a line in this list."""

from app.mapping.kinds import date as date
from app.mapping.kinds import labels as labels
from app.mapping.kinds import named as named
from app.mapping.kinds import rich_text as rich_text
from app.mapping.kinds import text as text
