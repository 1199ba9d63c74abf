# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What menus, commands and arguments a version of RouterOS has.

``vocabulary/<version>.txt`` are the command trees of real routers (tikoci/restraml, Unlicense), one command a line: menu, command, arguments.
``vocabulary/manual.txt`` adds the few menus that those trees left out, from the manual: not checked against a device.
"""

import functools
from pathlib import Path

_FOLDER = Path(__file__).with_name("vocabulary")
#: Commands that only the API has: the console's tree does not show them. ``listen`` and ``getall`` take the arguments of ``print``.
API_ONLY = ("listen", "getall")


def number(version):
    """
    >>> number("7.16.2") < number("7.24") > number("7.18rc1 (testing)")
    True
    """
    parts = []
    for part in version.split(" ")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        parts.append(int(digits or 0))
        if digits != part:
            break
    return tuple(parts)


#: Oldest first.
VERSIONS = tuple(sorted((path.stem for path in _FOLDER.glob("[0-9]*.txt")), key=number))


class Vocabulary:
    """``commands["ip/pool"]["add"]`` is the set of its arguments; ``directories`` are all menus, also those without commands."""

    def __init__(self, version):
        self.version = version
        self.commands = {}
        for name in (version, "manual"):
            for line in (_FOLDER / f"{name}.txt").read_text().splitlines():
                if line.startswith("/"):
                    menu, command, *arguments = line.split()
                    self.commands.setdefault(menu.strip("/"), {}).setdefault(command, frozenset(arguments))
        self.directories = {""}
        for menu in self.commands:
            parts = menu.split("/")
            self.directories.update("/".join(parts[: count + 1]) for count in range(len(parts)))

    def is_table(self, menu):
        """A menu of items; else of one set of values."""
        return "find" in self.commands.get(menu, ())

    def settable(self, menu):
        """:return: names of the properties that can be written"""
        commands = self.commands.get(menu, {})
        names = commands.get("add", frozenset()) | commands.get("set", frozenset())
        return names - {"numbers", "copy-from", "place-before"}


@functools.cache
def of(version):
    """:raise ValueError: no tree of that version is here"""
    if version not in VERSIONS:
        raise ValueError(f"RouterOS {version} is not simulated; there are {', '.join(VERSIONS)}")
    return Vocabulary(version)
