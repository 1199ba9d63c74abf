# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from odoo.addons.isp_network.engine import desired
from odoo.addons.isp_network.engine.desired import MENUS, Item

names = st.sampled_from(["achol", "deng", "nyandeng", "garang", "lado", "كوير"])
speeds = st.sampled_from(["512k/1M", "1M/2M 2M/4M 1M/2M 8/8", ""])
numbers = st.integers(1, 9)


@st.composite
def wishes(draw):
    """Items for some accesses: names differ, profiles are there that are needed."""
    items = {}
    for number, name in zip(draw(st.lists(numbers, max_size=6, unique=True)), draw(st.permutations(["achol", "deng", "nyandeng", "garang", "lado", "كوير"])), strict=False):
        kind, rate, walled = draw(st.sampled_from(["ppp/secret", "ip/hotspot/user", "queue/simple"])), draw(speeds), draw(st.booleans())
        values = {"name": name}
        if kind == "queue/simple":
            values |= {"target": f"10.0.0.{number}", **desired.queue_values(rate)}
            if walled:
                items["ip/firewall/address-list", number] = Item("ip/firewall/address-list", f"isp:{number}", {"list": "isp-suspended", "address": f"10.0.0.{number}"}, True)
        else:
            profile = {"rate-limit": rate, "address-list": "isp-suspended" if walled else ""}
            menu = "ppp/profile" if kind == "ppp/secret" else "ip/hotspot/user/profile"
            key = desired.profile_name(profile)
            items[menu, key] = Item(menu, key, {"name": key, **profile})
            values |= {"password": draw(st.sampled_from(["", "pw", "00123"])), "profile": key}
            if kind == "ppp/secret":
                values |= {"service": "pppoe", "remote-address": draw(st.sampled_from(["", "10.9.9.9"]))}
        items[kind, number] = Item(kind, f"isp:{number}", values, walled)
    return list(items.values())


class Router:
    """What a router would do with the steps: it refuses names that are taken and profiles that are not there."""

    def __init__(self):
        self.menus = {path: {} for path in MENUS}
        self.number = 0

    def add(self, path, values):
        menu = MENUS[path]
        assert self.name(menu, values) not in [self.name(menu, row) for row in self.menus[path].values()], "the name is taken"
        self.need_profile(path, values)
        self.number += 1
        self.menus[path][f"*{self.number:X}"] = dict(values)

    def name(self, menu, row):
        return tuple(row.get(name, "") for name in menu.names)

    def need_profile(self, path, values):
        profiles = {"ppp/secret": "ppp/profile", "ip/hotspot/user": "ip/hotspot/user/profile"}
        if values.get("profile", "default") != "default":
            assert values["profile"] in [row["name"] for row in self.menus[profiles[path]].values()], "no such profile"

    def do(self, step):
        rows = self.menus[step.menu]
        if step.kind == "add":
            self.add(step.menu, step.values)
        elif step.kind == "remove":
            del rows[step.id]
        else:
            row = rows.pop(step.id)
            new = {**row, **step.values}
            assert self.name(MENUS[step.menu], new) not in [self.name(MENUS[step.menu], other) for other in rows.values()], "the name is taken"
            self.need_profile(step.menu, step.values)
            rows[step.id] = new

    def actual(self):
        return {path: [{".id": key, **row} for key, row in rows.items()] for path, rows in self.menus.items()}


@st.composite
def routers(draw):
    """Somebody else's items, and ours as an earlier wish, a person or a crash left them."""
    router = Router()
    for name in draw(st.lists(names, max_size=2, unique=True)):
        router.add("ppp/secret", {"name": f"own-{name}", "comment": draw(st.sampled_from(["", "Mr " + name, "isp:", "isp:1 x"]))})
    for step in desired.plan(draw(wishes()), router.actual()).steps:
        if draw(st.integers(0, 9)):
            try:
                router.do(step)
            except AssertionError:
                continue  # a profile was left away
    for rows in (router.menus["ppp/secret"], router.menus["ip/hotspot/user"]):
        for row in rows.values():
            if row.get("comment", "").startswith("isp:") and draw(st.integers(0, 3)) == 0:
                row |= draw(st.sampled_from([{"password": "changed"}, {"profile": "default"}, {"disabled": "true"}, {"comment": "isp:3"}]))
    return router


@tagged("post_install", "-at_install")
class TestDesired(BaseCase):
    def test_doctests(self):
        result = doctest.testmod(desired)
        self.assertGreater(result.attempted, 20)
        self.assertEqual(result.failed, 0)

    @settings(max_examples=400, deadline=None)
    @given(routers(), wishes())
    def test_what_is_planned_leads_there_and_then_there_is_nothing_to_do(self, router, items):
        foreign = self._foreign(router)
        plan = desired.plan(items, router.actual())
        self.assertEqual([step for phase in plan.phases for step in phase], list(plan.steps))
        for step in plan.steps:
            router.do(step)
        self.assertEqual(desired.plan(items, router.actual()).steps, ())
        self.assertEqual(self._foreign(router), foreign)
        self.assertEqual(plan.conflicts, ())
        for path in MENUS:
            there = sorted(desired.owner(MENUS[path], row) for row in router.actual()[path] if desired.owner(MENUS[path], row))
            self.assertEqual(there, sorted(item.key for item in items if item.menu == path))

    @settings(max_examples=200, deadline=None)
    @given(routers(), wishes(), st.integers(0, 30))
    def test_who_is_killed_in_the_middle_goes_on(self, router, items, steps):
        for step in desired.plan(items, router.actual()).steps[:steps]:
            router.do(step)
        for step in desired.plan(items, router.actual()).steps:
            router.do(step)
        self.assertEqual(desired.plan(items, router.actual()).steps, ())

    @settings(max_examples=200, deadline=None)
    @given(routers(), wishes(), st.sets(numbers))
    def test_some_only(self, router, items, chosen):
        keys = {f"isp:{number}" for number in chosen}
        before = {path: [row for row in rows if not desired.MENUS[path].profiles and desired.owner(MENUS[path], row) not in keys] for path, rows in router.actual().items()}
        plan = desired.plan(items, router.actual(), only=keys)
        for step in plan.steps:
            if (step.menu, step.key) not in {(menu, key) for menu, key, _name in plan.conflicts}:
                try:
                    router.do(step)
                except AssertionError:
                    self.assertTrue(step.kind in ("add", "set"), "taken by another access, that is looked at another time")
        after = {path: [row for row in rows if not desired.MENUS[path].profiles and desired.owner(MENUS[path], row) not in keys] for path, rows in router.actual().items()}
        self.assertEqual(after, before)

    def test_names_that_change_places(self):
        router = Router()
        for number, name in enumerate(("a", "b", "c"), 1):
            router.add("ppp/secret", {"name": name, "service": "pppoe", "comment": f"isp:{number}"})
        items = [Item("ppp/secret", f"isp:{number}", {"name": name, "service": "pppoe"}) for number, name in enumerate(("b", "c", "a"), 1)]
        plan = desired.plan(items, router.actual())
        for step in plan.steps:
            router.do(step)
        self.assertEqual(desired.plan(items, router.actual()).steps, ())
        self.assertEqual(plan.losses, 0, "they are made anew, not taken away")

    def test_password_that_is_not_shown_is_not_written_each_time(self):
        row = {".id": "*1", "name": "a", "service": "pppoe", "comment": "isp:1"}
        item = Item("ppp/secret", "isp:1", {"name": "a", "password": "pw", "service": "pppoe"})
        empty = {path: [] for path in MENUS}
        for shown, steps in (({}, 0), ({"password": "*****"}, 0), ({"password": "pw"}, 0), ({"password": "other"}, 1)):
            self.assertEqual(len(desired.plan([item], {**empty, "ppp/secret": [{**row, **shown}]}).steps), steps)

    @staticmethod
    def _foreign(router):
        return {path: [row for row in rows if not desired.owner(MENUS[path], row)] for path, rows in router.actual().items()}
