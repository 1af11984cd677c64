"""One module for each kind of value; a new kind is a module here and a line in this list."""

from app.mapping.kinds import cascade as cascade
from app.mapping.kinds import component as component
from app.mapping.kinds import date as date
from app.mapping.kinds import date_time as date_time
from app.mapping.kinds import group as group
from app.mapping.kinds import labels as labels
from app.mapping.kinds import named as named
from app.mapping.kinds import number as number
from app.mapping.kinds import option as option
from app.mapping.kinds import parent as parent
from app.mapping.kinds import priority as priority
from app.mapping.kinds import read_only_text as read_only_text
from app.mapping.kinds import resolution as resolution
from app.mapping.kinds import rich_text as rich_text
from app.mapping.kinds import security as security
from app.mapping.kinds import service as service
from app.mapping.kinds import sprint as sprint
from app.mapping.kinds import status as status
from app.mapping.kinds import text as text
from app.mapping.kinds import time_tracking as time_tracking
from app.mapping.kinds import url as url
from app.mapping.kinds import user as user
from app.mapping.kinds import version as version
