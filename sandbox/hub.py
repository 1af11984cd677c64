"""The hub: install keys, the media service, an index page, and one look over all sites."""

from __future__ import annotations

import html

from flask import Flask, Response, jsonify

from sandbox.media import media_blueprint
from sandbox.world import World


def create_hub_app(world: World) -> Flask:
    """The Flask application of the hub's port."""
    app = Flask(__name__)
    app.register_blueprint(media_blueprint(world))

    @app.get("/install-keys/<kid>")
    def install_key(kid: str) -> Response:
        if kid != world.kid:
            return Response("Not found", 404, content_type="text/plain")
        return Response(world.public_pem, content_type="text/plain")

    @app.get("/")
    def index() -> str:
        rows = "".join(
            f'<li><a href="{html.escape(s.base_url)}">{html.escape(s.title)}</a>'
            f" <code>{html.escape(s.base_url)}</code></li>"
            for s in world.sites.values()
        )
        return f"<!doctype html><title>Sandbox</title><h1>Jira sandbox</h1><ul>{rows}</ul>"

    @app.get("/sandbox")
    def overview() -> Response:
        return jsonify(
            hub=world.hub_url,
            installKeys=f"{world.hub_url}/install-keys",
            kid=world.kid,
            openapi=world.document.present,
            sites={name: site.describe() for name, site in world.sites.items()},
            brokenAnswers=world.broken_answers,
        )

    return app
