# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What is in a drawer, counted by notes.

>>> total({1000: 3, 500: 1, 5: 2})
3510
>>> total({})
0

A drawer has no fewer than no notes, and no halves:

>>> total({500: -1})
Traceback (most recent call last):
ValueError: -1 x 500
>>> total({500: 1.5})
Traceback (most recent call last):
ValueError: 1.5 x 500

Change in the fewest notes; what no note fits is left over:

>>> change(1785, [1000, 500, 200, 100, 50, 25, 10, 5, 1])
({1000: 1, 500: 1, 200: 1, 50: 1, 25: 1, 10: 1}, 0)
>>> change(1003, [1000, 500])
({1000: 1}, 3)
>>> change(0, [1000])
({}, 0)
"""


def total(counts):
    """:param counts: {value of a note: how many}
    :return: what they are worth together
    :raise ValueError: a number is below zero or not whole"""
    for value, quantity in counts.items():
        if quantity < 0 or quantity != int(quantity):
            raise ValueError(f"{quantity} x {value}")
    return sum(value * int(quantity) for value, quantity in counts.items())


def change(amount, values):
    """:return: ({value of a note: how many}, rest) that make up ``amount``, biggest notes first"""
    notes = {}
    for value in sorted(values, reverse=True):
        if value <= amount:
            notes[value], amount = divmod(amount, value)
    return {value: int(quantity) for value, quantity in notes.items()}, amount
