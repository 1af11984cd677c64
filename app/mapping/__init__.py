"""Profiles: which fields are carried, and what values are; importing it registers all kinds."""

from app.mapping import kinds as kinds
