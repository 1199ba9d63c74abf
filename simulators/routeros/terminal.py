# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The control for people: the routers, and each one's terminal. A browser that asks for HTML gets these, everybody else JSON."""

from html import escape
from urllib.parse import quote

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:48rem;padding:1rem;color:#111}a{color:#05c}h1{font-size:1.3rem}
li{margin:.5rem 0}textarea{width:100%;box-sizing:border-box;font:14px/1.4 monospace;padding:.5rem}pre{background:#111;color:#cfc;padding:.7rem;min-height:4rem;
white-space:pre-wrap;overflow-wrap:anywhere}button{font:inherit;padding:.5rem .9rem;margin:.3rem .3rem .3rem 0}.muted{color:#666}"""
_SCRIPT = """
const here = location.pathname, out = document.querySelector("pre");
async function tell(path, body) {
    out.textContent = "…";
    const answer = await fetch(here + path, { method: "POST", body: JSON.stringify(body) });
    const said = await answer.json();
    out.textContent = said.error || said.output || "Done.";
    return answer.ok;
}
document.forms[0].onsubmit = (event) => { event.preventDefault(); tell("/console", { text: document.forms[0].text.value }); };
for (const button of document.querySelectorAll("button[data-path]")) {
    button.onclick = async () => (await tell(button.dataset.path, JSON.parse(button.dataset.body))) && location.reload();
}
"""


def page(words, value):
    """:param words: of the path. :param value: what the control answers. :return: HTML, "" where there is no page"""
    match words:
        case []:
            return _list(value["routers"])
        case ["routers", _name]:
            return _terminal(value)
    return ""


def _list(routers):
    rows = "".join(f'<li><a href="/routers/{quote(one["key"])}">{escape(one["name"])}</a> <span class="muted">{_facts(one)}</span></li>' for one in routers)
    return _page("Simulated routers", f"<ul>{rows}</ul>")


def _facts(one):
    state = "off" if not one["powered"] else "on" if one["linked"] else "its line to the server is cut"
    return escape(f"{one['address']}, RouterOS {one['version']}, {state}, {one['sessions']} sessions")


def _terminal(one):
    link = "Cut its line to the server" if one["linked"] else "Mend its line to the server"
    return _page(
        one["name"],
        f'''<p class="muted">{_facts(one)}. <a href="/">All routers</a></p>
<form><textarea name="text" rows="5" autofocus aria-label="Terminal" placeholder="Paste here, as into the terminal of Winbox"></textarea><button>Enter</button></form>
<pre aria-live="polite"></pre>
<button data-path="/link" data-body="{escape(f'{{"up": {str(not one["linked"]).lower()}}}')}">{link}</button><button data-path="/power" data-body="{escape('{"do": "reboot"}')}">Restart it</button>
<script>{_SCRIPT}</script>''',
    )


def _page(title, content):
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{content}'
