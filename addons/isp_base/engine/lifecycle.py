# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The life of a subscription: which state may follow which.

>>> allowed("draft", "active"), allowed("suspended", "active"), allowed("terminated", "paused")
(True, True, False)
>>> sorted(successors("active"))
['paused', 'suspended', 'terminated']

No state follows itself: asking for the present state is "nothing to do", never a change.

>>> any(state in followers for state, followers in TRANSITIONS.items())
False
"""

STATES = ("draft", "pending", "active", "suspended", "paused", "terminated")

#: Suspended or terminated may be a subscription's first state: lists of other systems hold such lines.
TRANSITIONS = {
    "draft": {"pending", "active", "suspended", "terminated"},
    "pending": {"active", "terminated"},
    "active": {"suspended", "paused", "terminated"},
    "suspended": {"active", "paused", "terminated"},
    "paused": {"active", "suspended", "terminated"},
    "terminated": {"pending", "active"},
}


def successors(state):
    """:return: the set of states that may follow ``state``; KeyError for an unknown one."""
    return TRANSITIONS[state]


def allowed(state, new_state):
    """:return: True when a subscription may go from ``state`` to ``new_state``."""
    return new_state in TRANSITIONS.get(state, ())
