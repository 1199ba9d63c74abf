# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import functools
import gzip
import hashlib
import json
import re
from pathlib import Path

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.http import request
from odoo.modules import get_module_path
from odoo.tools.translate import code_translations

HOME = "/wifi/app"
#: In the order in which they are needed; ``app.js`` is the one that the page starts.
SCRIPTS = ("app.js", "ui.js", "words.js", "net.js", "rules.js", "queue.js", "store.js", "sign.js", "setup.js", "home.js", "give.js", "given.js", "money.js", "settings.js")
STYLES, ICONS = ("app.css",), ("icon.svg", "icon-192.png", "icon-512.png")
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".json": "application/json"}
FOREVER = "public, max-age=31536000, immutable"
#: Nothing but what comes from here runs or is shown, and no other page may hold this one in a frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class OwnerApp(http.Controller):
    """The owner's app: one page that never changes for a version, its files, and the worker that keeps both on the telephone.

    Files stand under an address with the version in it and are kept for ever. Nothing here knows who asks.
    """

    @http.route([HOME, f"{HOME}/"], type="http", auth="public", methods=["GET"], sitemap=False, save_session=False, readonly=True)
    def page(self, **_kwargs):
        version = _version()
        values = {
            "home": HOME,
            "files": f"{HOME}/file/{version}",
            "version": version,
            "scripts": SCRIPTS,
            "company": request.env.company.sudo().name,
            "languages": json.dumps([[code, name.split("/")[-1].split("(")[0].strip()] for code, name in request.env["res.lang"].sudo().get_installed()]),
        }
        html = "<!DOCTYPE html>\n" + str(request.env["ir.qweb"]._render("isp_hotspot.app", values))
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-cache"), ("Content-Security-Policy", POLICY), ("Referrer-Policy", "same-origin")]
        return request.make_response(html, headers)

    @http.route(f"{HOME}/file/<string:version>/<string:name>", type="http", auth="none", methods=["GET"], sitemap=False, save_session=False, readonly=True)
    def file(self, version, name, **_kwargs):
        """A file of the app. One of another version than is asked for is not kept: it will be asked for again."""
        body = _files().get(name)
        if body is None:
            raise NotFound()
        kept = FOREVER if version == _version() else "no-store"
        headers = [("Content-Type", TYPES[Path(name).suffix]), ("Cache-Control", kept), ("X-Content-Type-Options", "nosniff"), ("Vary", "Accept-Encoding")]
        if "gzip" in request.httprequest.headers.get("Accept-Encoding", "") and not name.endswith(".png"):
            return request.make_response(_packed(name), [*headers, ("Content-Encoding", "gzip")])
        return request.make_response(body, headers)

    @http.route(f"{HOME}/sw.js", type="http", auth="none", methods=["GET"], sitemap=False, save_session=False, readonly=True)
    def worker(self, **_kwargs):
        """The service worker; another version of the app is another text, which is how browsers notice."""
        version = _version()
        names = [name for name in _files() if not name.endswith(".png")]
        head = f"const VERSION = {json.dumps(version)}, HOME = {json.dumps(HOME)}, FILES = {json.dumps([f'{HOME}/file/{version}/{name}' for name in names])};\n"
        headers = [("Content-Type", TYPES[".js"]), ("Cache-Control", "no-cache"), ("Service-Worker-Allowed", HOME), ("X-Content-Type-Options", "nosniff")]
        return request.make_response(head + _source("sw.js").decode(), headers)

    @http.route(f"{HOME}/manifest.webmanifest", type="http", auth="public", methods=["GET"], sitemap=False, save_session=False, readonly=True)
    def manifest(self, **_kwargs):
        files = f"{HOME}/file/{_version()}"
        manifest = {
            "id": HOME,
            "name": f"{request.env.company.sudo().name} WiFi",
            "short_name": "WiFi",
            "start_url": HOME,
            "scope": HOME,
            "display": "standalone",
            "background_color": "#f3f5fa",
            "theme_color": "#14284b",
            "icons": [
                {"src": f"{files}/icon-192.png", "sizes": "192x192", "type": "image/png"},
                {"src": f"{files}/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any"},
                {"src": f"{files}/icon-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
            ],
        }
        return request.make_response(json.dumps(manifest), [("Content-Type", "application/manifest+json"), ("Cache-Control", "no-cache")])


def _source(name):
    return (Path(get_module_path("isp_hotspot")) / "static" / "src" / "app" / name).read_bytes()


@functools.cache
def _files():
    """:return: {name: bytes} of all that the app loads; read once a process"""
    files = {name: _source(name) for name in (*SCRIPTS, *STYLES, *ICONS)}
    text = b"".join(files[name] for name in SCRIPTS).decode()
    languages = sorted(path.stem for path in (Path(get_module_path("isp_hotspot")) / "i18n").glob("*.po"))
    return {**files, **{f"{lang}.json": _words(lang, text) for lang in languages}}


def _words(lang, text):
    """:return: JSON {English: translation} of the terms that stand in ``text``"""
    messages = code_translations.get_web_translations("isp_hotspot", lang)["messages"]
    known = {message["id"]: message["string"] for message in messages}
    terms = {json.loads(found) for found in re.findall(r'_t\(\s*("(?:[^"\\]|\\.)*")', text)}
    return json.dumps({term: known[term] for term in sorted(terms) if known.get(term)}, ensure_ascii=False, separators=(",", ":")).encode()


@functools.cache
def _packed(name):
    return gzip.compress(_files()[name], 9, mtime=0)


@functools.cache
def _version():
    """:return: a short digest of all files; the worker's text and the page's address of files follow it"""
    digest = hashlib.sha256(_source("sw.js"))
    for name, body in sorted(_files().items()):
        digest.update(name.encode() + b"\0" + body)
    return digest.hexdigest()[:10]
