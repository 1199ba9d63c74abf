# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Query words of ``print``: ``?name``, ``?-name``, ``?name=value``, ``?<name=value``, ``?>name=value``, ``?#operations``."""

import ipaddress


class Query:
    """``Query(words).matches(row)``; a row matches when every value left on the stack is true.

    >>> row = {"name": "ether1", "type": "ether", "mtu": "1500", "disabled": "false"}
    >>> [Query([words] if isinstance(words, str) else words).matches(row) for words in (
    ...     "?name=ether1", "?comment", "?-comment", "?>mtu=900", "?<mtu=900", "?disabled=no", ["?type=vlan", "?type=ether", "?#|"],
    ...     ["?type=vlan", "?#!"], ["?name=x", "?type=ether"], ["?name=ether1", "?type=vlan", "?#1"])]
    [True, False, True, True, False, True, True, True, False, True]
    """

    def __init__(self, words):
        """:raise ValueError: what is no query"""
        self._steps = [self._step(word[1:]) for word in words]

    def __bool__(self):
        return bool(self._steps)

    @staticmethod
    def _step(word):
        if word.startswith("#"):
            if set(word[1:]) - set("0123456789!&|."):
                raise ValueError(word)
            return "#", word[1:], None
        if word.startswith("-") and "=" not in word:
            return "-", word[1:], None
        kind = "="
        if word[:1] in ("<", ">", "="):
            kind, word = word[0], word[1:]
        name, has_value, value = word.partition("=")
        if not name:
            raise ValueError(word)
        if not has_value:
            return "?", name, None
        return kind, name, value

    def matches(self, row):
        """:raise ValueError: operations on a stack that is too small"""
        stack = []
        for kind, name, value in self._steps:
            if kind == "#":
                self._operate(stack, name)
            elif kind == "?":
                stack.append(name in row)
            elif kind == "-":
                stack.append(name not in row)
            else:
                stack.append(name in row and self._compare(kind, row[name], value))
        return all(stack)

    @staticmethod
    def _compare(kind, have, wanted):
        if kind == "=":
            if have == wanted:
                return True
            return have in ("true", "false") and wanted == ("yes" if have == "true" else "no")
        left, right = _sortable(have), _sortable(wanted)
        if type(left) is not type(right):
            left, right = have, wanted
        return left < right if kind == "<" else left > right

    @staticmethod
    def _operate(stack, operations):
        index = ""
        for character in operations:
            if character.isdigit():
                index += character
                continue
            if index:
                stack.append(_at(stack, index))
                index = ""
                if character == ".":
                    continue
            if character == "!":
                stack.append(not _pop(stack))
            elif character == ".":
                stack.append(_at(stack, "0"))
            else:
                right, left = _pop(stack), _pop(stack)
                stack.append(left and right if character == "&" else left or right)
        if index:
            stack[:] = [_at(stack, index)]


def _at(stack, index):
    if int(index) >= len(stack):
        raise ValueError("the stack is too small")
    return stack[-1 - int(index)]


def _pop(stack):
    if not stack:
        raise ValueError("the stack is empty")
    return stack.pop()


def _sortable(text):
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return tuple(ipaddress.ip_address(text).packed)
    except ValueError:
        return text
