# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The console's language, a part of it: what set-up scripts and exports are written in.

The whole text is read first and every menu, command and argument is checked against the router's vocabulary: an error there changes nothing, as
``/import`` has it. What is not known here is an error, never skipped. See README.md for what is left out.
"""

import re
from collections import ChainMap
from dataclasses import dataclass

from .device import Call
from .values import SCRIPT, Trap, seconds

_WORD = re.compile(r"[A-Za-z0-9_.*-]+")
_NAME = re.compile(r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*")
_BARE_END = set(" \t\n;[](){}\"$")
#: Arguments without a name, by command; others take ``numbers`` or ``number``.
_UNNAMED = {"get": ("number", "value-name"), "unset": ("numbers", "value-name"), "import": ("file-name",), "ping": ("address",), "monitor-traffic": ("interface",), "move": ("numbers", "destination")}
_BUILTINS = {"put", "if", "do", "foreach", "for", "while", "local", "global", "set", "len", "tostr", "tonum", "typeof", "pick", "find", "delay", "error", "log", "tobool"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$", "?": "?", "_": " ", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass
class Node:
    """:ivar kind: what ``_Runner`` has a method for"""

    kind: str
    line: int
    value: object = None
    more: object = None


def run(router, text, user, dry=False):
    """Read all, then do it line by line. What was done before an error stays done.

    :return: what ``:put`` wrote
    :raise Trap: with the line, and the column when it is the syntax
    """
    nodes = _Parser(text, router.vocabulary).script()
    if dry:
        return ""
    runner = _Runner(router, user)
    runner.block(nodes, ChainMap())
    return "\n".join(runner.output)


class _Parser:
    def __init__(self, text, vocabulary):
        self.text = text.replace("\r\n", "\n").removeprefix("\ufeff")
        self.at = 0
        self.vocabulary = vocabulary
        #: The menu that ``[find ...]`` means, and how many parentheses are open: within them lines may end.
        self._menu = ""
        self._parentheses = 0

    # --- places ---

    def _place(self, at=None):
        before = self.text[: self.at if at is None else at]
        return before.count("\n") + 1, len(before) - before.rfind("\n")

    def _error(self, what="syntax error", at=None):
        line, column = self._place(at)
        return Trap(f"{what} (line {line} column {column})", SCRIPT)

    def _peek(self, length=1):
        return self.text[self.at : self.at + length]

    def _space(self, lines=False):
        """Skip blanks, continued lines, and with ``lines`` also ends of lines and comments."""
        while self.at < len(self.text):
            character = self._peek()
            if character in " \t":
                self.at += 1
            elif self._peek(2) == "\\\n":
                self.at += 2
            elif lines and character in "\n;":
                self.at += 1
            elif lines and character == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def _ends(self, closing):
        character = self._peek()
        return not character or character in "\n;" or character == closing

    # --- statements ---

    def script(self):
        nodes = self._statements("")
        if self.at < len(self.text):
            raise self._error()
        return nodes

    def _statements(self, closing, menu=""):
        nodes = []
        while True:
            self._space(lines=True)
            if not self._peek() or self._peek() == closing:
                return nodes
            node, menu = self._statement(menu, closing)
            if node:
                nodes.append(node)
            self._space()
            if not self._ends(closing):
                raise self._error("expected end of command")

    def _statement(self, menu, closing):
        """:return: (the command or None, the menu for what follows)"""
        start = self.at
        line, _column = self._place()
        if self._peek() == ":":
            self.at += 1
            found = _NAME.match(self.text, self.at)
            if not found or found[0] not in _BUILTINS:
                raise self._error(f"bad command name {found[0] if found else ''}", start)
            self.at = found.end()
            outer, self._menu = self._menu, menu
            node = self._builtin(found[0], line, closing, menu)
            self._menu = outer
            return node, menu
        if self._peek() == "{":
            # A block at the top keeps its variables to itself: how several lines are pasted as one.
            return self._block(menu), menu
        base = "" if self._peek() == "/" else menu
        where, command = self._path(base)
        if command is None:
            return None, where
        return self._command(where, command, line, closing), menu

    def _path(self, menu):
        while True:
            self._space()
            while self._peek() == "/":
                self.at += 1
                self._space()
            start = self.at
            if self._peek(2) == "..":
                self.at += 2
                menu = menu.rpartition("/")[0]
                continue
            found = _NAME.match(self.text, self.at)
            if not found:
                if self._peek() and self._peek() not in "\n;]}":
                    raise self._error()
                return menu, None
            below = f"{menu}/{found[0]}".strip("/")
            self.at = found.end()
            if below in self.vocabulary.directories:
                menu = below
            elif found[0] in self.vocabulary.commands.get(menu, {}):
                return menu, found[0]
            else:
                raise self._error(f"bad command name {found[0]}", start)

    def _command(self, menu, command, line, closing):
        outer, self._menu = self._menu, menu
        try:
            return self._arguments(menu, command, line, closing)
        finally:
            self._menu = outer

    def _arguments(self, menu, command, line, closing):
        known = self.vocabulary.commands[menu][command]
        named, unnamed, condition = {}, [], None
        while True:
            self._space()
            if self._ends(closing):
                break
            start = self.at
            found = _WORD.match(self.text, self.at)
            if command == "find" or (found and found[0] == "where" and command == "print"):
                if found and found[0] == "where":
                    self.at = found.end()
                condition = self._conditions(closing)
            elif found and self.text[found.end() : found.end() + 1] == "=":
                if found[0] not in known:
                    raise self._error(f"bad parameter {found[0]}", start)
                self.at = found.end() + 1
                named[found[0]] = self._value()
            elif found and found[0] in known and self.text[found.end() : found.end() + 1] in ("", " ", "\n", ";", "\t", closing):
                self.at = found.end()
                named[found[0]] = Node("text", line, "yes")
            else:
                unnamed.append(self._value())
        names = _UNNAMED.get(command) or (("message",) if menu == "log" else ("numbers",) if "numbers" in known else ("number",) if "number" in known else ())
        free = [name for name in names if name not in named and name in known]
        if len(unnamed) > len(free):
            raise self._error("expected end of command")
        named.update(zip(free, unnamed, strict=False))
        return Node("command", line, (menu, command), (named, condition))

    def _builtin(self, name, line, closing, menu):
        arguments, named = [], {}
        while True:
            self._space()
            if self._ends(closing):
                break
            found = re.compile(r"(do|else|while|in|from|to|step|on-error)=").match(self.text, self.at)
            if found and name not in ("put", "error", "local", "global", "set"):
                self.at = found.end()
                is_block = found[1] in ("do", "else", "on-error")
                named[found[1]] = self._block(menu) if is_block else self._value()
            elif name == "do" and self._peek() == "{":
                arguments.append(self._block(menu))
            elif name in ("foreach", "for", "local", "global", "set") and not arguments:
                arguments.append(self._variable(line))
            else:
                arguments.append(self._value())
        wanted = {"if": ("do",), "foreach": ("in", "do"), "for": ("from", "to", "do"), "while": ("do",)}.get(name, ())
        least = {"put": 1, "if": 1, "do": 1, "foreach": 1, "for": 1, "while": 1, "local": 1, "global": 1, "set": 2, "len": 1, "tostr": 1, "tonum": 1, "tobool": 1, "typeof": 1, "pick": 2, "find": 2, "delay": 1, "error": 1, "log": 2}[name]
        if len(arguments) < least or any(key not in named for key in wanted):
            raise self._error("missing value(s) of argument(s)")
        allowed = {"if": {"do", "else"}, "do": {"while", "on-error"}, "foreach": {"in", "do"}, "for": {"from", "to", "step", "do"}, "while": {"do"}}.get(name, set())
        if set(named) - allowed:
            raise self._error()
        return Node("builtin", line, name, (arguments, named))

    def _variable(self, line):
        if self._peek() == '"':
            return self._string()
        found = _NAME.match(self.text, self.at)
        if not found:
            raise self._error()
        self.at = found.end()
        return Node("text", line, found[0])

    def _block(self, menu):
        if self._peek() != "{":
            raise self._error()
        self.at += 1
        nodes = self._statements("}", menu)
        self._close("}")
        return Node("block", 0, nodes)

    def _close(self, closing):
        if self._peek() != closing:
            raise self._error(f"expected closing brace {closing}" if closing != '"' else "expected closing quote")
        self.at += 1

    # --- values ---

    def _value(self):
        line, _column = self._place()
        character = self._peek()
        if character == '"':
            return self._string()
        if character == "[":
            return self._substitution()
        if character == "(":
            return self._group()
        if character == "$":
            return self._reference()
        if character == "{":
            return self._raw(line)
        start = self.at
        while self._peek() and self._peek() not in _BARE_END:
            if self._peek(2) == "\\\n":
                break
            self.at += 1
        return Node("text", line, self.text[start : self.at])

    def _raw(self, line):
        """Code as a value (``source={...}``): its text, checked when it is run."""
        start, depth, quoted = self.at, 0, False
        while self.at < len(self.text):
            character = self._peek()
            self.at += 2 if character == "\\" else 1
            if character == '"':
                quoted = not quoted
            elif not quoted and character in "{}":
                depth += 1 if character == "{" else -1
                if not depth:
                    return Node("text", line, self.text[start + 1 : self.at - 1])
        raise self._error("expected closing brace }", start)

    def _substitution(self):
        self.at += 1
        self._space(lines=True)
        parentheses, self._parentheses = self._parentheses, 0
        node, _menu = self._statement(self._menu, "]")
        self._parentheses = parentheses
        self._space(lines=True)
        self._close("]")
        if node is None:
            raise self._error()
        return node

    def _reference(self):
        line, _column = self._place()
        self.at += 1
        if self._peek() == '"':
            return Node("variable", line, self._string())
        found = re.compile(r"[A-Za-z0-9_]+").match(self.text, self.at)
        if not found:
            raise self._error()
        self.at = found.end()
        return Node("variable", line, Node("text", line, found[0]))

    def _string(self):
        line, _column = self._place()
        start = self.at
        self.at += 1
        parts, text = [], ""
        while True:
            character = self._peek()
            if not character:
                raise self._error("expected closing quote", start)
            if character == '"':
                self.at += 1
                break
            if character == "\\":
                text += self._escape()
            elif character == "$" and re.compile(r"\$[A-Za-z0-9_(\[\"]").match(self.text, self.at):
                parts.append(Node("text", line, text))
                text = ""
                if self._peek(2) in ("$(", "$["):
                    self.at += 1
                    parts.append(self._value())
                else:
                    parts.append(self._reference())
            else:
                text += character
                self.at += 1
        return Node("join", line, [*parts, Node("text", line, text)]) if parts else Node("text", line, text)

    def _escape(self):
        following = self.text[self.at + 1 : self.at + 2]
        if following == "\n":
            self.at += 2
            while self._peek() in (" ", "\t"):
                self.at += 1
            return ""
        digits = self.text[self.at + 1 : self.at + 3]
        if re.fullmatch(r"[0-9A-F]{2}", digits):
            self.at += 3
            return bytes([int(digits, 16)]).decode("latin-1")
        if following not in _ESCAPES:
            raise self._error()
        self.at += 2
        return _ESCAPES[following]

    # --- expressions ---

    _LEVELS = ((("||", "or"), ("&&", "and")), (("!=", "<=", ">=", "=", "<", ">", "~"),), ((".", ","),), (("+", "-"),), (("*", "/", "%"),))

    def _expression(self, properties=False):
        return self._either(properties)

    def _group(self, properties=False):
        self.at += 1
        self._parentheses += 1
        node = self._expression(properties)
        self._space(lines=True)
        self._parentheses -= 1
        self._close(")")
        while self._operator("->"):
            self._space()
            node = Node("member", node.line, node, self._value())
        return node

    def _operator(self, *signs):
        self._space(lines=self._parentheses > 0)
        for sign in signs:
            if self.text.startswith(sign, self.at) and not (sign.isalpha() and re.compile(r"[\w-]").match(self.text, self.at + len(sign))):
                self.at += len(sign)
                return sign
        return None

    def _chain(self, lower, signs, properties):
        left = lower(properties)
        while sign := self._operator(*signs):
            left = Node("operation", left.line, sign, (left, lower(properties)))
        return left

    def _either(self, properties):
        return self._chain(self._both, ("||", "or"), properties)

    def _both(self, properties):
        left = self._not(properties)
        while True:
            if self._operator("&&", "and"):
                left = Node("operation", left.line, "&&", (left, self._not(properties)))
            elif properties and self._peek() not in ("", "]", ")", "\n", ";", "}", "|") and not re.compile(r"or\b").match(self.text, self.at):
                # Conditions side by side: all of them.
                left = Node("operation", left.line, "&&", (left, self._not(properties)))
            else:
                return left

    def _not(self, properties):
        self._space(lines=self._parentheses > 0)
        if self._peek() == "!" and self._peek(2) != "!=":
            self.at += 1
            return Node("not", self._place()[0], self._not(properties))
        return self._compare(properties)

    def _compare(self, properties):
        left = self._join(properties)
        sign = self._operator("!=", "<=", ">=", "=", "<", ">", "~")
        return Node("operation", left.line, sign, (left, self._join(False))) if sign else left

    def _join(self, properties):
        return self._chain(self._sum, (".",), properties)

    def _sum(self, properties):
        return self._chain(self._product, ("+", "-"), properties)

    def _product(self, properties):
        return self._chain(self._primary, ("*", "/", "%"), properties)

    def _primary(self, properties):
        self._space(lines=self._parentheses > 0)
        line, _column = self._place()
        if self._peek() in ('"', "[", "$"):
            node = self._value()
        elif self._peek() == "(":
            node = self._group(properties)
        else:
            found = re.compile(r"[A-Za-z0-9_:/*@.-]+" if not properties else r"\.?[A-Za-z0-9_-]+").match(self.text, self.at)
            if not found:
                raise self._error()
            self.at = found.end()
            node = Node("property" if properties else "text", line, found[0])
        while self._operator("->"):
            self._space()
            node = Node("member", line, node, self._value())
        return node

    def _conditions(self, closing):
        self._space()
        if self._ends(closing):
            return None
        return self._expression(properties=True)


class _Runner:
    def __init__(self, router, user):
        self.router, self.user = router, user
        self.output = []
        self.globals = {}
        self.steps = 0

    def block(self, nodes, variables):
        result = None
        for node in nodes:
            result = self.value(node, variables)
        return result

    def value(self, node, variables):
        self.steps += 1
        if self.steps > 2_000_000:
            raise Trap("script runs for ever", SCRIPT)
        return getattr(self, f"_{node.kind}")(node, variables)

    # --- values ---

    def _text(self, node, _variables):
        return node.value

    def _join(self, node, variables):
        return "".join(_show(self.value(part, variables)) for part in node.value)

    def _variable(self, node, variables):
        name = _show(self.value(node.value, variables))
        return variables[name] if name in variables else self.globals.get(name, "")

    def _property(self, node, variables):
        row = variables[0]
        if node.value not in row:
            return ""
        return _typed(row[node.value])

    def _member(self, node, variables):
        holder = self.value(node.value, variables)
        if isinstance(holder, list) and len(holder) == 1:
            holder = holder[0]
        if not isinstance(holder, dict):
            raise Trap(f"cannot take a member of {_show(holder)} (line {node.line})", SCRIPT)
        return holder.get(_show(self.value(node.more, variables)), "")

    def _not(self, node, variables):
        return not _true(self.value(node.value, variables))

    def _operation(self, node, variables):
        sign = node.value
        left = self.value(node.more[0], variables)
        if sign in ("||", "or"):
            return _true(left) or _true(self.value(node.more[1], variables))
        if sign in ("&&", "and"):
            return _true(left) and _true(self.value(node.more[1], variables))
        right = self.value(node.more[1], variables)
        if sign == ".":
            return _show(left) + _show(right)
        if sign == "~":
            return re.search(_show(right), _show(left)) is not None
        if sign in ("=", "!="):
            return (_comparable(left) == _comparable(right)) == (sign == "=")
        try:
            one, two = int(_show(left)), int(_show(right))
        except ValueError:
            try:
                one, two = seconds(_show(left)), seconds(_show(right))
            except ValueError:
                raise Trap(f"cannot compare or count {_show(left)!r} and {_show(right)!r} (line {node.line})", SCRIPT) from None
        return {"<": lambda: one < two, ">": lambda: one > two, "<=": lambda: one <= two, ">=": lambda: one >= two, "+": lambda: one + two, "-": lambda: one - two, "*": lambda: one * two, "/": lambda: one // two, "%": lambda: one % two}[sign]()

    def _block(self, node, variables):
        return self.block(node.value, variables.new_child())

    # --- commands ---

    def _command(self, node, variables):
        menu, command = node.value
        named, condition = node.more
        args = {name: _show(self.value(part, variables)) for name, part in named.items()}
        try:
            if command == "find" or (command == "print" and condition is not None):
                return self._rows(menu, command, args, condition, variables)
            call = Call(self.user, menu, command, args, via="console")
            if command in ("print", "fetch"):
                call.args = {name: value for name, value in args.items() if name != "as-value"}
            reply = self.router.execute(call)
            rows = list(reply.rows)
        except Trap as trap:
            if "; line " in trap.message:
                raise
            raise Trap(f"{trap.message} (/{menu + '/' if menu else ''}{command}; line {node.line})", SCRIPT) from None
        if reply.ret is not None:
            return _typed(reply.ret)
        return rows[0] if len(rows) == 1 and "as-value" in args else rows

    def _rows(self, menu, command, args, condition, variables):
        with self.router.lock:
            self.router.need(self.user, "read")
            rows = self.router.rows(Call(self.user, menu, "print", {}, via="console"))
        found = [row for row in rows if condition is None or _true(self.value(condition, variables.new_child({0: row})))]
        if command == "print":
            return str(len(found)) if "count-only" in args else found
        return [row[".id"] for row in found]

    def _builtin(self, node, variables):
        arguments, named = node.more
        return getattr(self, f"_do_{node.value}")(arguments, named, variables, node)

    def _do_put(self, arguments, _named, variables, _node):
        self.output.append(_show(self.value(arguments[0], variables)))

    def _do_log(self, arguments, _named, variables, node):
        topic, message = (_show(self.value(part, variables)) for part in arguments[:2])
        if topic not in ("info", "warning", "error", "debug"):
            raise Trap(f"bad command name {topic} (line {node.line})", SCRIPT)
        self.router.log(f"script,{topic}", message)

    def _do_if(self, arguments, named, variables, _node):
        if _true(self.value(arguments[0], variables)):
            return self.value(named["do"], variables)
        return self.value(named["else"], variables) if "else" in named else None

    def _do_do(self, arguments, named, variables, _node):
        try:
            result = self.value(arguments[0], variables)
            while "while" in named and _true(self.value(named["while"], variables)):
                result = self.value(arguments[0], variables)
            return result
        except Trap:
            if "on-error" not in named:
                raise
            return self.value(named["on-error"], variables)

    def _do_while(self, arguments, named, variables, _node):
        while _true(self.value(arguments[0], variables)):
            self.value(named["do"], variables)

    def _do_foreach(self, arguments, named, variables, _node):
        found = self.value(named["in"], variables)
        for each in found if isinstance(found, list) else [part for part in re.split("[;,]", _show(found)) if part]:
            self.value(named["do"], variables.new_child({arguments[0].value: each}))

    def _do_for(self, arguments, named, variables, _node):
        first, last = (int(_show(self.value(named[name], variables))) for name in ("from", "to"))
        step = int(_show(self.value(named["step"], variables))) if "step" in named else 1 if last >= first else -1
        for each in range(first, last + (1 if step > 0 else -1), step):
            self.value(named["do"], variables.new_child({arguments[0].value: each}))

    def _do_local(self, arguments, _named, variables, _node):
        variables.maps[0][arguments[0].value] = self.value(arguments[1], variables) if len(arguments) > 1 else ""

    def _do_global(self, arguments, _named, variables, _node):
        name = arguments[0].value
        if len(arguments) > 1:
            self.globals[name] = self.value(arguments[1], variables)

    def _do_set(self, arguments, _named, variables, _node):
        name, value = arguments[0].value, self.value(arguments[1], variables)
        next((scope for scope in variables.maps if name in scope), self.globals)[name] = value

    def _do_len(self, arguments, _named, variables, _node):
        found = self.value(arguments[0], variables)
        return len(found) if isinstance(found, list | dict) else len(_show(found))

    def _do_tostr(self, arguments, _named, variables, _node):
        return _show(self.value(arguments[0], variables))

    def _do_tonum(self, arguments, _named, variables, _node):
        found = _show(self.value(arguments[0], variables))
        return int(found) if re.fullmatch(r"-?\d+", found) else ""

    def _do_tobool(self, arguments, _named, variables, _node):
        return _true(self.value(arguments[0], variables))

    def _do_typeof(self, arguments, _named, variables, _node):
        found = self.value(arguments[0], variables)
        kinds = {bool: "bool", int: "num", list: "array", dict: "array"}
        return kinds.get(type(found)) or ("nothing" if found in ("", None) else "id" if re.fullmatch(r"\*[0-9A-F]+", found) else "str")

    def _do_pick(self, arguments, _named, variables, _node):
        found, *bounds = (self.value(part, variables) for part in arguments)
        first, last = int(_show(bounds[0])), int(_show(bounds[1])) if len(bounds) > 1 else int(_show(bounds[0])) + 1
        return found[first:last] if isinstance(found, list) else _show(found)[first:last]

    def _do_find(self, arguments, _named, variables, _node):
        found, wanted = (self.value(part, variables) for part in arguments[:2])
        at = found.index(wanted) if isinstance(found, list) and wanted in found else _show(found).find(_show(wanted)) if not isinstance(found, list) else -1
        return "" if at < 0 else at

    def _do_delay(self, arguments, _named, variables, node):
        """Nobody waits: the time of the simulation stands still within a script."""
        try:
            seconds(_show(self.value(arguments[0], variables)))
        except ValueError:
            raise Trap(f"invalid value for argument delay-time (line {node.line})", SCRIPT) from None

    def _do_error(self, arguments, _named, variables, _node):
        raise Trap(_show(self.value(arguments[0], variables)), SCRIPT)


def _show(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_show, value))
    if value is None:
        return ""
    if isinstance(value, dict):
        return ";".join(f"{key}={_show(part)}" for key, part in value.items())
    return str(value)


def _typed(text):
    return {"true": True, "false": False}.get(text, text)


def _true(value):
    return value is True or _show(value) in ("true", "yes")


def _comparable(value):
    return {"yes": "true", "no": "false"}.get(_show(value), _show(value))
