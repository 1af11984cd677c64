"""Rich text from one site to the other: as it is, with its references rewritten, or as text.

`carry_document` is the way in; `app.mapping.rich.wiki` has the way of wiki markup.
"""

from app.mapping.rich.alike import but_for_keys as but_for_keys
from app.mapping.rich.convert import carry_document as carry_document
from app.mapping.rich.files import in_step as in_step
from app.mapping.rich.files import keeping_media as keeping_media
from app.mapping.rich.files import keys_in as keys_in
from app.mapping.rich.files import media_in as media_in
from app.mapping.rich.files import media_of as media_of
from app.mapping.rich.files import mentions_in as mentions_in
from app.mapping.rich.files import would_drop_media as would_drop_media
from app.mapping.rich.known import Carried as Carried
from app.mapping.rich.known import Context as Context
from app.mapping.rich.known import Degraded as Degraded
from app.mapping.rich.known import File as File
from app.mapping.rich.known import Needs as Needs
from app.mapping.rich.known import Person as Person
from app.mapping.rich.known import Reason as Reason
from app.mapping.rich.originals import carry_edited as carry_edited
from app.mapping.rich.trial import told as told
from app.mapping.rich.trial import too_long as too_long
from app.mapping.rich.trial import trees_agree as trees_agree
from app.mapping.rich.trial import vanished as vanished
from app.mapping.rich.wiki import carry_wiki as carry_wiki
