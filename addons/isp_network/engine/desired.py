# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What should stand on a router, what does, and the steps from one to the other. No router and no database here.

A thing of ours carries the comment ``isp:<number of the access>``; a profile of ours is named ``isp-…`` (hotspot profiles have no
comments). Nothing else is touched: what stands in the way of ours without being ours is told as a conflict.
"""

import hashlib
import re
from dataclasses import dataclass, field

_OURS = re.compile(r"isp:(\d{1,9})")
_PROFILE = "isp-"
#: What a router shows instead of a password to users who may not see it.
_HIDDEN = re.compile(r"\*+")
#: A plan that takes away no more things than these needs nobody's word, however few there are.
FEW = 5


@dataclass(frozen=True)
class Menu:
    """A menu of the router that we keep.

    :ivar path: as drivers name it
    :ivar names: the properties that two items must not share
    :ivar watched: properties that we keep, with how two spellings of a value are made one; a property that is missing is ""
    :ivar defaults: what "" means, where that is not nothing
    :ivar clears: what is written to have nothing; a property without it is cleared by making the item anew
    """

    path: str
    names: tuple
    watched: dict
    defaults: dict = field(default_factory=dict)
    clears: dict = field(default_factory=dict)

    @property
    def profiles(self):
        return self.path.endswith("/profile")


@dataclass(frozen=True)
class Item:
    """Something that should be there.

    :ivar key: ``isp:17``; of a profile its name
    :ivar values: {property: text}; "": nothing
    :ivar walled: the customer behind it may use no more than the walled garden; that he may no longer use more is a loss, another reason is none
    """

    menu: str
    key: str
    values: dict
    walled: bool = False


@dataclass(frozen=True)
class Step:
    """:ivar kind: add, set or remove. :ivar name: the item's name for people. :ivar restricts: somebody loses something by it"""

    kind: str
    menu: str
    key: str
    name: str
    id: str = ""
    values: dict = field(default_factory=dict)
    before: dict = field(default_factory=dict)
    restricts: bool = False

    @property
    def command(self):
        """
        >>> Step("set", "ppp/secret", "isp:1", "achol", "*1", {"profile": "isp-a"}).command
        ('ppp/secret/set', {'.id': '*1', 'profile': 'isp-a'})
        """
        return f"{self.menu}/{self.kind}", {".id": self.id, **self.values} if self.id else dict(self.values)

    @property
    def text(self):
        """
        >>> Step("set", "ppp/secret", "isp:1", "achol", "*1", {"profile": "b", "password": "x"}, {"profile": "a", "password": "y"}).text
        'profile: a → b, password: •••'
        >>> Step("add", "ppp/secret", "isp:1", "achol", "", {"name": "achol", "profile": "b", "password": "x", "comment": "isp:1"}).text
        'profile: b, password: •••'
        """
        shown = {name: value for name, value in self.values.items() if name not in ("name", "comment")}
        return ", ".join(
            f"{name}: •••" if name == "password" else f"{name}: {self.before[name]} → {value}" if self.before.get(name) else f"{name}: {value}"
            for name, value in shown.items()
        )


@dataclass(frozen=True)
class Plan:
    """:ivar steps: in the order in which they must be done, phase by phase
    :ivar conflicts: [(menu, key, name)] that cannot be made, for somebody else's item has the name
    :ivar owned: items of ours (without profiles) that stand there
    :ivar highest: the highest number of an access among them
    """

    steps: tuple
    conflicts: tuple
    owned: int
    highest: int

    @property
    def losses(self):
        return sum(step.restricts for step in self.steps)

    @property
    def phases(self):
        """Steps that may be on their way together: a step needs those of the phases before it."""
        phases = []
        for step in self.steps:
            phase = (MENUS[step.menu].profiles, step.kind)
            if not phases or phases[-1][0] != phase:
                phases.append((phase, []))
            phases[-1][1].append(step)
        return [steps for _phase, steps in phases]

    @property
    def digest(self):
        """The same for the same plan: what a person has agreed to."""
        text = repr([(step.kind, step.menu, step.key, step.id, sorted(step.values.items())) for step in self.steps])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def words(text):
    return text


def yes(text):
    """
    >>> yes("yes"), yes("true"), yes("no"), yes("")
    ('yes', 'yes', 'no', 'no')
    """
    return "yes" if text in ("yes", "true") else "no"


def speeds(text):
    """Speeds in bits, and times in seconds, however they are spelled.

    >>> speeds("1024k/2M 2M/4M"), speeds("1024000/2000000 2000000/4000000"), speeds("8s/8s"), speeds("0/0")
    ('1024000/2000000 2000000/4000000', '1024000/2000000 2000000/4000000', '8/8', '')
    """

    def number(part):
        found = re.fullmatch(r"(\d+)([kMGs]?)", part)
        return str(int(found[1]) * {"k": 10**3, "M": 10**6, "G": 10**9}.get(found[2], 1)) if found else part

    pairs = ["/".join(number(part) for part in word.split("/")) for word in text.split()]
    return "" if pairs in (["0/0"], ["0"]) else " ".join(pairs)


def network(text):
    """
    >>> network("10.0.0.5/32"), network("10.0.0.5")
    ('10.0.0.5', '10.0.0.5')
    """
    return text.removesuffix("/32")


#: In the order in which things are made: what others refer to comes first.
MENUS = {
    menu.path: menu
    for menu in (
        Menu(
            "ppp/profile",
            ("name",),
            {"name": words, "local-address": words, "remote-address": words, "rate-limit": speeds, "address-list": words, "only-one": words,
             "remote-ipv6-prefix-pool": words, "comment": words},
            {"only-one": "default", "remote-ipv6-prefix-pool": "none"},
            {"local-address": "", "remote-address": "", "rate-limit": "", "address-list": "", "only-one": "default", "remote-ipv6-prefix-pool": "none"},
        ),
        Menu(
            "ip/hotspot/user/profile",
            ("name",),
            {"name": words, "rate-limit": speeds, "address-list": words, "shared-users": words},
            {"shared-users": "1"},
            {"rate-limit": "", "address-list": "", "shared-users": "1"},
        ),
        Menu(
            "ppp/secret",
            ("name",),
            {"name": words, "password": words, "service": words, "profile": words, "remote-address": words, "disabled": yes, "comment": words},
            {"service": "any", "profile": "default"},
            {"password": ""},
        ),
        Menu(
            "ip/hotspot/user",
            ("name",),
            {"name": words, "password": words, "profile": words, "disabled": yes, "comment": words},
            {"profile": "default"},
            {"password": ""},
        ),
        Menu(
            "queue/simple",
            ("name",),
            {"name": words, "target": network, "max-limit": speeds, "burst-limit": speeds, "burst-threshold": speeds, "burst-time": speeds, "disabled": yes, "comment": words},
            {},
            {"max-limit": "0/0", "burst-limit": "0/0", "burst-threshold": "0/0", "burst-time": "0s/0s"},
        ),
        Menu("ip/firewall/address-list", ("list", "address"), {"list": words, "address": network, "disabled": yes, "comment": words}),
    )
}  # fmt: skip


def owner(menu, row):
    """:return: the key under which a row is ours, None for everybody else's. What the router made itself (dynamic) never is.

    >>> owner(MENUS["ppp/secret"], {"name": "achol", "comment": "isp:17"})
    'isp:17'
    >>> [owner(MENUS["ppp/secret"], {"comment": text}) for text in ("isp:", "isp:17 old", "isp:reserve", "Achol")]
    [None, None, None, None]
    >>> owner(MENUS["ppp/profile"], {"name": "isp-a1"}), owner(MENUS["ppp/profile"], {"name": "default"})
    ('isp-a1', None)
    """
    if yes(row.get("dynamic", "")) == "yes":
        return None
    if menu.profiles:
        name = row.get("name", "")
        return name if name.startswith(_PROFILE) else None
    comment = row.get("comment", "")
    return comment if _OURS.fullmatch(comment) else None


def number_of(key):
    """
    >>> number_of("isp:17"), number_of("isp-a1")
    (17, 0)
    """
    found = _OURS.fullmatch(key)
    return int(found[1]) if found else 0


def profile_name(values):
    """The name of a profile says what is in it: the same values are the same profile, and another speed is another one.

    >>> profile_name({"rate-limit": "512k/1M", "address-list": "isp-suspended"}) == profile_name({"address-list": "isp-suspended", "rate-limit": "512k/1M"})
    True
    >>> profile_name({"rate-limit": "512k/1M 1M/2M"})
    'isp-512k-1M-bb8cf2'
    """
    rate = values.get("rate-limit", "").split(" ")[0].replace("/", "-") or "free"
    return f"{_PROFILE}{rate}-{hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()[:6]}"


def queue_values(rate):
    """``Mikrotik-Rate-Limit`` as a simple queue says it.

    >>> queue_values("1M/2M")
    {'max-limit': '1M/2M', 'burst-limit': '', 'burst-threshold': '', 'burst-time': ''}
    >>> queue_values("1M/2M 2M/4M 1M/2M 8/8")
    {'max-limit': '1M/2M', 'burst-limit': '2M/4M', 'burst-threshold': '1M/2M', 'burst-time': '8s/8s'}
    >>> queue_values("64k 128k")["burst-limit"], queue_values("")["max-limit"]
    ('128k/128k', '')
    """
    parts = [part if "/" in part else f"{part}/{part}" for part in (rate or "").split()]
    limit, burst, threshold, time = (parts + [""] * 4)[:4]
    if burst:
        threshold, time = threshold or limit, time or "1/1"
    return {"max-limit": limit, "burst-limit": burst, "burst-threshold": threshold, "burst-time": time and "/".join(f"{part}s" for part in time.split("/"))}


def plan(desired, actual, only=None):
    """The steps from what is there to what should be; none when all is as it should be.

    :param desired: items; profiles that nobody needs are left away by the caller
    :param actual: {path of each menu in MENUS: all its rows}
    :param only: keys (``isp:17``) that are looked at; the others stay as they are, and so do profiles that are too many. None: all

    >>> rows = {path: [] for path in MENUS}
    >>> achol = Item("ppp/secret", "isp:1", {"name": "achol", "profile": "default"})
    >>> [step.kind for step in plan([achol], rows).steps]
    ['add']
    >>> there = {**rows, "ppp/secret": [{".id": "*1", "name": "achol", "comment": "isp:1"}, {".id": "*2", "name": "deng"}]}
    >>> plan([achol], there).steps
    ()
    >>> [(step.kind, step.id, step.restricts) for step in plan([], there).steps]
    [('remove', '*1', True)]

    What is not ours is not taken over:

    >>> plan([Item("ppp/secret", "isp:2", {"name": "deng"})], there, only={"isp:2"}).conflicts
    (('ppp/secret', 'isp:2', 'deng'),)
    """
    wanted = {}
    for item in desired:
        wanted.setdefault(item.menu, {})[item.key] = item
    conflicts, first, removes, sets, adds, last = [], [], [], [], [], []
    owned = highest = 0
    walled = {row.get("name") for path, menu in MENUS.items() if menu.profiles for row in actual[path] if owner(menu, row) and row.get("address-list")}
    for path, menu in MENUS.items():
        work = _Menu(menu, wanted.get(path, {}), actual[path], None if menu.profiles and only is None else only, walled)
        conflicts += work.conflicts
        if menu.profiles:
            first += work.adds + work.sets
            last += work.removes
            continue
        owned += work.owned
        highest = max(highest, work.highest)
        removes += work.removes
        sets += work.sets
        adds += work.adds
    # Profiles that are needed are there before who needs them, and go when nobody has them.
    first.sort(key=lambda step: step.kind)
    return Plan((*first, *removes, *sets, *adds, *last), tuple(conflicts), owned, highest)


class _Menu:
    """The steps within one menu."""

    def __init__(self, menu, wanted, rows, only, walled):
        """:param walled: names of profiles that lead into the walled garden"""
        self.menu, self.walled = menu, walled
        self.adds, self.sets, self.removes, self.conflicts = [], [], [], []
        ours, foreign = {}, set()
        for row in rows:
            key = owner(menu, row)
            if key is None:
                foreign.add(self._name(row))
            else:
                ours.setdefault(key, []).append(row)
        self.owned = sum(len(found) for found in ours.values())
        self.highest = max(map(number_of, ours), default=0)
        # Names that ours have now: who is to get one of them is made anew after it is free.
        self.taken = {self._name(row): row[".id"] for found in ours.values() for row in found}
        for key in [*ours, *(key for key in wanted if key not in ours)]:
            if only is not None and key not in only and not (menu.profiles and key in wanted):
                continue
            self._one(key, ours.get(key, []), wanted.get(key), foreign)

    def _name(self, row):
        return tuple(network(row.get(name, "")) for name in self.menu.names)

    def _one(self, key, rows, item, foreign):
        if item is None:
            self.removes += [self._remove(key, row, restricts=not self.menu.profiles) for row in rows]
            return
        target = self._name(item.values)
        if target in foreign:
            self.conflicts.append((self.menu.path, key, " ".join(target)))
            return
        # Of several with one comment the one that looks most like ours is kept.
        rows = sorted(rows, key=lambda row: (self._name(row) != target, len(self._changes(row, item))))
        self.removes += [self._remove(key, row) for row in rows[1:]]
        if not rows:
            self.adds.append(self._add(item))
            return
        row = rows[0]
        changes = self._changes(row, item)
        if not changes:
            return
        renamed = self._name(row) != target and self.taken.get(target, row[".id"]) != row[".id"]
        if renamed or any(value == "" and name not in self.menu.clears for name, value in changes.items()):
            self.removes.append(self._remove(key, row))
            self.adds.append(self._add(item))
            return
        values = {name: value or self.menu.clears[name] for name, value in changes.items()}
        before = {name: row.get(name, "") for name in changes}
        restricts = item.walled and bool({"profile", "disabled", "max-limit"} & changes.keys()) and row.get("profile") not in self.walled
        self.sets.append(Step("set", self.menu.path, key, " ".join(target), row[".id"], values, before, restricts))

    def _changes(self, row, item):
        changes = {}
        for name, same in self.menu.watched.items():
            value = self._values(item).get(name, "")
            is_there = row.get(name, "")
            if name == "password" and (name not in row or _HIDDEN.fullmatch(is_there)):
                continue
            default = self.menu.defaults.get(name, "")
            if same(value or default) != same(is_there or default):
                changes[name] = value
        return changes

    def _values(self, item):
        if "comment" not in self.menu.watched:
            return item.values
        return {**item.values, "comment": "isp:profile" if self.menu.profiles else item.key}

    def _add(self, item):
        values = {name: value for name, value in self._values(item).items() if value}
        # A list entry for the walled garden takes something from the customer.
        return Step("add", self.menu.path, item.key, " ".join(self._name(item.values)), "", values, {}, item.walled and "list" in values)

    def _remove(self, key, row, restricts=False):
        return Step("remove", self.menu.path, key, " ".join(self._name(row)), row[".id"], {}, {}, restricts and "list" not in self.menu.names)


def objection(found, wanted, kept, known, percent):
    """Why a plan is not for a machine to carry out: "" when it may go on.

    :param found: the ``Plan``
    :param wanted: how many things there should be
    :param kept: how many of ours stood there when we last had everything applied; None: never
    :param known: the highest number an access was ever given in this database
    :param percent: so many of a hundred may be taken away at a time

    >>> some = Plan((Step("remove", "ppp/secret", "isp:1", "a", restricts=True),) * 6, (), 20, 7)
    >>> [objection(some, *facts) for facts in ((14, 20, 9, 20), (14, 20, 9, 50), (0, 20, 9, 100), (14, 20, 5, 100), (14, None, 9, 100))]
    ['cap', '', 'nothing', 'restored', 'first']
    >>> objection(Plan((Step("add", "ppp/secret", "isp:1", "a"),), (), 0, 0), 20, 20, 9, 20)
    'gone'
    >>> objection(Plan((), (), 0, 0), 0, None, 9, 20)
    ''
    """
    if not found.steps:
        return ""
    if not wanted:
        return "nothing"
    if found.highest > known:
        return "restored"
    if kept is None:
        return "first" if found.owned or len(found.steps) > FEW else ""
    if kept and not found.owned:
        return "gone"
    if found.losses > max(FEW, found.owned * percent // 100):
        return "cap"
    return ""
