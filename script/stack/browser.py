"""Chromium on the demo: log in, open screens, and keep what its console says. (Needs the Python of ``.cache``.)"""

import contextlib
import resource

from playwright.sync_api import Page, TimeoutError, sync_playwright

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}


class Tab:
    """One browser tab. ``complaints`` holds errors of the console, of scripts and of HTTP."""

    def __init__(self, page: Page, url: str):
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("response", self._response)

    def _console(self, message) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _response(self, response) -> None:
        if response.status >= 400:
            self.complaints.append(f"HTTP {response.status}: {response.url}")

    def another(self, size: dict) -> "Tab":
        """:return: a tab of somebody else in the same browser: nothing of this one is known there"""
        return _tab(self.page.context.browser, size, self.url)

    def log_in(self, user: dict) -> None:
        self.page.goto(f"{self.url}/web/login")
        self.page.fill("input[name=login]", user["login"])
        self.page.fill("input[name=password]", user["password"])
        self.page.click("button[type=submit]")
        # The first page compiles the style sheets and scripts of this language.
        self.page.wait_for_selector(".o_main_navbar, .o_portal_my_home, .o_portal_wrap")

    def call(self, model: str, method: str, *args, **kwargs):
        """One RPC call as the user of this tab."""
        answer = self.page.request.post(
            f"{self.url}/web/dataset/call_kw/{model}/{method}",
            data={
                "jsonrpc": "2.0",
                "params": {"model": model, "method": method, "args": args, "kwargs": kwargs},
            },
        ).json()
        assert "error" not in answer, answer
        return answer.get("result")  # nothing is sent for None

    def menus(self, root: str) -> list[tuple[str, int | str]]:
        """(name, action) of every menu below the one with external id ``root``."""
        menus = self.page.request.get(f"{self.url}/web/webclient/load_menus").json()

        def below(menu):
            for child in menu["children"]:
                child = menus[str(child)]
                if not child["children"] and child["actionID"]:
                    yield child["name"], child["actionID"]
                yield from below(child)

        return list(below(next(menu for menu in menus.values() if menu.get("xmlid") == root)))

    def open_action(self, action) -> None:
        """Open an action as a click on its menu does, and wait until it stands there."""
        self.close_popover()
        self.close_dialog()
        self.page.evaluate(
            "id => odoo.__WOWL_DEBUG__.root.env.services.action.doAction(id, {clearBreadcrumbs: true})",
            action,
        )
        self.settle()

    def close_popover(self) -> None:
        """A calendar that a date's cell has opened: a click anywhere else closes it, an action that is opened by script does not."""
        popover = self.page.locator(".o_popover")
        if popover.count():
            self.page.keyboard.press("Escape")
            popover.first.wait_for(state="hidden", timeout=5000)

    def close_dialog(self) -> None:
        """A form that opened over the screen before: whoever goes on to another menu has closed it."""
        dialog = self.page.locator(".o_dialog")
        for _opened in range(dialog.count()):
            dialog.last.locator(".btn-close:visible, .oi-arrow-left:visible").first.click(timeout=5000)
            self.page.wait_for_timeout(300)

    def settle(self) -> None:
        """Wait until an action stands there and nothing is being loaded. (The websocket never rests.)"""
        self.page.wait_for_selector(".o_action_manager > *, .o_dialog")
        self.page.wait_for_timeout(300)
        self.page.wait_for_function("() => !document.querySelector('.o_loading_indicator, .o_blockUI')")

    def open_first_record(self) -> bool:
        """From a list or cards to the form of the first record, if there is one."""
        sample = ".o_view_sample_data"
        row = self.page.locator(
            ".o_data_row .o_data_cell:not(.o_boolean_cell), .o_kanban_record:not(.o_kanban_ghost)"
        )
        if self.page.locator(sample).count() or self.page.locator(".o_dialog").count() or not row.count():
            return False
        row.first.click(timeout=5000)
        with contextlib.suppress(TimeoutError):
            self.page.wait_for_selector(".o_form_view", timeout=4000)
        self.settle()
        return bool(self.page.locator(".o_form_view").count())


def _tab(browser, size: dict, url: str, *, locale="en-GB", **settings) -> Tab:
    """A tab of somebody whom the browser does not know."""
    page = browser.new_context(viewport=size, locale=locale, timezone_id="Africa/Juba", device_scale_factor=1, **settings).new_page()
    page.set_default_timeout(90_000)
    return Tab(page, url)


@contextlib.contextmanager
def tab(url: str, size: dict, locale="en-GB", *, proxy="", scripts=True):
    """A tab in a browser of its own, nothing remembered.

    :param proxy: everything of this tab's context goes through it, also what leads to this machine
    """
    # Odoo, imported by the tests, limits the address space; Chromium reserves far more than it uses.
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            way = {"server": proxy, "bypass": "<-loopback>"} if proxy else None
            yield _tab(browser, size, url, locale=locale, java_script_enabled=scripts, proxy=way)
        finally:
            browser.close()


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate(
        "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    )
