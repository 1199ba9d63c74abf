# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Speeds from counters that are read again and again."""


class Speeds:
    """
    >>> speeds = Speeds()
    >>> speeds.of({"ether1": (1000, 2000)}, 10.0)
    {}
    >>> speeds.of({"ether1": (2000, 2500), "ether2": (5, 5)}, 12.0)
    {'ether1': [4000, 2000]}

    A counter that went back began anew, as after a log-in: nothing is known of this time.

    >>> speeds.of({"ether1": (10, 10), "ether2": (5, 5)}, 14.0)
    {'ether2': [0, 0]}
    """

    def __init__(self):
        self._last, self._at = {}, 0.0

    def clear(self):
        self._last = {}

    def of(self, counters, at):
        """:param counters: {key: (bytes, bytes)} as they stand
        :param at: seconds of a clock that only goes forward
        :return: {key: [bits a second, bits a second]} since they were given before
        """
        before, passed = self._last, at - self._at
        self._last, self._at = counters, at
        if passed <= 0:
            return {}
        result = {}
        for key, now in counters.items():
            then = before.get(key)
            if then and all(new >= old for new, old in zip(now, then, strict=True)):
                result[key] = [round((new - old) * 8 / passed) for new, old in zip(now, then, strict=True)]
        return result
