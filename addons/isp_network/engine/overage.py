# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What data above the bundle costs."""

from dataclasses import dataclass
from fractions import Fraction

from odoo.addons.isp_billing.engine.periods import round_half_up

GB = 1_000_000_000


@dataclass(frozen=True)
class Overage:
    """Bytes above the bundle, ``gigabytes`` charged for them (a Fraction), what they cost, whether the cap held."""

    bytes: int
    gigabytes: Fraction
    amount: float
    capped: bool


def included(quota: int, days: int, full_days: int) -> int:
    """Bytes of the bundle for a part of the cycle, rounded up: whoever changes the plan on the way gets a part of each bundle.

    >>> included(50 * GB, 30, 30), included(50 * GB, 10, 30)
    (50000000000, 16666666667)
    """
    return -(-quota * days // full_days)


NOTHING = Overage(0, Fraction(0), 0, False)


def overage(
    used: int, bundle: int, price: float, *, started: bool = True, cap: float = 0, step: float = 1, before: Overage = NOTHING
) -> Overage:
    """What ``used`` bytes cost beyond ``bundle``. Never below zero, with what was charged before never above the cap.

    :param price: of a GB (1,000,000,000 bytes), in the company's currency without taxes
    :param started: each GB that was begun counts whole; else to the byte
    :param cap: most for the cycle; 0: none
    :param step: smallest amount of the currency
    :param before: what earlier parts of the same cycle were charged, summed up: a GB they began is paid, and counts towards the cap

    >>> overage(62_400_000_000, 50 * GB, 7500).amount, overage(62_400_000_000, 50 * GB, 7500, started=False).amount
    (97500, 93000)
    >>> overage(62_400_000_000, 50 * GB, 7500, cap=60000)
    Overage(bytes=12400000000, gigabytes=Fraction(13, 1), amount=60000, capped=True)
    >>> overage(50 * GB, 50 * GB, 7500).amount, overage(50 * GB + 1, 50 * GB, 7500).amount, overage(0, 50 * GB, 7500).amount
    (0, 7500, 0)

    A second part of the cycle: half of the GB that the first one began is left, and of the limit what was not charged.

    >>> first = overage(50 * GB + GB // 2, 50 * GB, 7500, cap=10000)
    >>> second = overage(GB + GB // 2, GB, 7500, cap=10000, before=first)
    >>> (first.gigabytes, first.amount), (second.gigabytes, second.amount)
    ((Fraction(1, 1), 7500), (Fraction(0, 1), 0))
    >>> overage(3 * GB, GB, 7500, cap=10000, before=first)
    Overage(bytes=2000000000, gigabytes=Fraction(2, 1), amount=2500, capped=True)
    """
    above = max(used - bundle, 0)
    total = before.bytes + above
    reached = Fraction(-(-total // GB)) if started else Fraction(total, GB)
    gigabytes = max(reached - before.gigabytes, Fraction(0)) if above else Fraction(0)
    amount = round_half_up(gigabytes * Fraction(str(max(price, 0))), step)
    left = max(cap - before.amount, 0)
    capped = bool(cap) and amount > left
    return Overage(above, gigabytes, left if capped else amount, capped)
