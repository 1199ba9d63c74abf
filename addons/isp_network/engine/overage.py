# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What data above the bundle costs."""

from dataclasses import dataclass
from fractions import Fraction

from odoo.addons.isp_billing.engine.periods import round_half_up

GB = 1_000_000_000


@dataclass(frozen=True)
class Overage:
    """``gigabytes`` charged (a Fraction; a whole number where each started one counts), what they cost, whether the cap held."""

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


def overage(used: int, bundle: int, price: float, *, started: bool = True, cap: float = 0, step: float = 1) -> Overage:
    """What ``used`` bytes cost beyond ``bundle``. Never below zero, never above the cap.

    :param price: of a GB (1,000,000,000 bytes), in the company's currency without taxes
    :param started: each GB that was begun counts whole; else to the byte
    :param cap: most for a period; 0: none
    :param step: smallest amount of the currency

    >>> overage(62_400_000_000, 50 * GB, 7500).amount, overage(62_400_000_000, 50 * GB, 7500, started=False).amount
    (97500, 93000)
    >>> overage(62_400_000_000, 50 * GB, 7500, cap=60000)
    Overage(bytes=12400000000, gigabytes=Fraction(13, 1), amount=60000, capped=True)
    >>> overage(50 * GB, 50 * GB, 7500).amount, overage(50 * GB + 1, 50 * GB, 7500).amount, overage(0, 50 * GB, 7500).amount
    (0, 7500, 0)
    """
    above = max(used - bundle, 0)
    gigabytes = Fraction(-(-above // GB)) if started else Fraction(above, GB)
    amount = round_half_up(gigabytes * Fraction(str(max(price, 0))), step)
    capped = bool(cap) and amount > cap
    return Overage(above, gigabytes, cap if capped else amount, capped)
