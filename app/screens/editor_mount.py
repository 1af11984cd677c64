"""Puts the editor's steps together: a line here for each."""

from __future__ import annotations

from flask import Blueprint

from app.screens.desk import Desk
from app.screens.editor import Editor
from app.screens.editor_fields import FieldsStep
from app.screens.editor_fields_views import fields_blueprint
from app.screens.editor_links import LinkTypes, links_blueprint
from app.screens.editor_moves import MovesTable, moves_blueprint
from app.screens.editor_partner import PartnerStep, partner_blueprint
from app.screens.editor_people import PeopleTable, people_table_blueprint
from app.screens.editor_projects import ProjectsStep
from app.screens.editor_projects_views import projects_blueprint
from app.screens.editor_values import ValuesStep, values_blueprint
from app.screens.editor_views import editor_blueprint
from app.screens.site_lists import SiteLists
from app.screens.token_desk import TokenDesk
from app.screens.value_lists import ValueLists
from app.sync.field_cache import FieldCache
from app.tenants.installations import Installations
from app.vault.vault import Vault


def mount_editor(
    screens: Blueprint,
    vault: Vault,
    desk: Desk,
    installations: Installations,
    tokens: TokenDesk,
) -> Editor:
    """Register the editor and its steps with the pages."""
    editor = Editor(vault, desk)
    screens.register_blueprint(editor_blueprint(editor))
    editor.add(partner := PartnerStep(editor, installations, tokens))
    screens.register_blueprint(partner_blueprint(partner))
    editor.add(projects := ProjectsStep(editor, SiteLists(desk.own_site)))
    screens.register_blueprint(projects_blueprint(projects))
    cache = FieldCache(vault, desk.own_site)
    lists = ValueLists(cache, desk.own_site)
    editor.add(values := ValuesStep(editor, lists))
    screens.register_blueprint(values_blueprint(values))
    screens.register_blueprint(links_blueprint(LinkTypes(editor, lists)))
    screens.register_blueprint(moves_blueprint(MovesTable(editor, lists)))
    screens.register_blueprint(people_table_blueprint(PeopleTable(editor)))
    editor.add(fields := FieldsStep(editor, cache))
    screens.register_blueprint(fields_blueprint(fields))
    return editor
