# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""When to ask an operator again. Pure: seconds in, seconds out."""

#: After the request was taken: the payer is looking at the telephone.
_FIRST = (5, 5, 10, 15, 30, 60)
HOUR, DAY = 3600, 86400
#: A request that no host took by then is not sent any more: nobody waits for it.
SEND_LIMIT = DAY
#: Without a final answer by then it is given up, and listed.
READ_LIMIT = 7 * DAY
#: A refusal is read again, because a late success wins.
RECHECKS = (900, 2 * HOUR, DAY)


def read_again(age, tries):
    """Never later than the request is old: who waits before a page has it read every few seconds, which is no reason to forget the request when
    the page is closed.

    :param age: seconds since the request :param tries: reads so far
    :return: seconds until the next, None when it is given up

    >>> [read_again(600, n) for n in range(9)]
    [5, 5, 10, 15, 30, 60, 120, 240, 300]
    >>> [read_again(age, 8) for age in (0, 20, 100)]
    [5, 20, 100]
    >>> read_again(600, 50), read_again(2 * HOUR, 50), read_again(2 * DAY, 99), read_again(8 * DAY, 200)
    (300, 900, 3600, None)
    >>> read_again(-500, 0)
    5
    """
    if tries < len(_FIRST):
        return min(_FIRST[max(tries, 0)], max(age, _FIRST[0]))
    if age < HOUR:
        return min(60 * 2 ** (tries - len(_FIRST) + 1), max(age, _FIRST[0]), 300)
    if age < DAY:
        return 900
    return 3600 if age < READ_LIMIT else None


def send_again(tries):
    """:return: seconds until a request that was not taken is sent again

    >>> [send_again(n) for n in range(8)]
    [5, 10, 20, 40, 80, 160, 300, 300]
    """
    return min(5 * 2 ** min(max(tries, 0), 10), 300)


def recheck(tries):
    """:return: seconds until a failed request is read again, None when no more

    >>> [recheck(n) for n in range(4)]
    [900, 7200, 86400, None]
    """
    return RECHECKS[tries] if tries < len(RECHECKS) else None
