# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Items of a menu: ids, order, names, uniqueness."""

from .values import MISSING, Trap


class Item(dict):
    """Properties as the API shows them. ``more`` holds what no property shows (a session, counters)."""

    __slots__ = ("id", "dynamic", "builtin", "more")

    def __init__(self, id_, values=(), *, dynamic=False, builtin=False):
        super().__init__(values)
        self.id, self.dynamic, self.builtin, self.more = id_, dynamic, builtin, {}


class Table:
    """``unique``: [(properties, words of the trap)]. The order is that of ``print``."""

    def __init__(self, unique=()):
        self.items = {}
        self._last = 0
        self._unique = [(tuple(names), message, {}) for names, message in unique]
        self._named = {}

    def __iter__(self):
        return iter(self.items.values())

    def __len__(self):
        return len(self.items)

    def next_id(self):
        self._last += 1
        return f"*{self._last:X}"

    def check(self, values, without=None):
        """:raise Trap: an item with these values is there already"""
        for names, message, index in self._unique:
            found = index.get(tuple(values.get(name) for name in names))
            if found is not None and found is not without and any(values.get(name) for name in names):
                raise Trap(message, None)

    def add(self, item, before=None):
        """:param before: the item it goes in front of"""
        if item.id in self.items:
            raise ValueError(f"{item.id} is there")
        self._last = max(self._last, int(item.id[1:], 16) if len(item.id) < 8 else 0)
        self.items[item.id] = item
        self._index(item)
        if before is not None:
            self.move([item], before)

    def change(self, item, values):
        """:param values: None removes the property"""
        self._unindex(item)
        for name, value in values.items():
            if value is None:
                item.pop(name, None)
            else:
                item[name] = value
        self._index(item)

    def remove(self, item):
        self._unindex(item)
        del self.items[item.id]

    def move(self, items, before=None):
        moved = {item.id for item in items}
        kept = [item for item in self.items.values() if item.id not in moved]
        at = kept.index(before) if before is not None and before.id not in moved else len(kept)
        self.items = {item.id: item for item in [*kept[:at], *items, *kept[at:]]}

    def by_name(self, name, field="name"):
        """:return: the item with that name or id, None"""
        if name.startswith("*"):
            return self.items.get(name)
        if field == "name":
            return self._named.get(name)
        return next((item for item in self.items.values() if item.get(field) == name), None)

    def get(self, key):
        """:param key: an id, or a name as the API allows in its place
        :raise Trap: there is none"""
        item = self.items.get(key) or self._named.get(key)
        if item is None:
            raise Trap("no such item", MISSING)
        return item

    def free_name(self, prefix):
        count = 1
        while f"{prefix}{count}" in self._named:
            count += 1
        return f"{prefix}{count}"

    def _index(self, item):
        for names, _message, index in self._unique:
            index.setdefault(tuple(item.get(name) for name in names), item)
        if "name" in item:
            self._named.setdefault(item["name"], item)

    def _unindex(self, item):
        for names, _message, index in self._unique:
            key = tuple(item.get(name) for name in names)
            if index.get(key) is item:
                del index[key]
        if self._named.get(item.get("name")) is item:
            del self._named[item["name"]]
