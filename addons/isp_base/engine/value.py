# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a subscription is worth a month, whatever its period.

>>> monthly_value(180000, "month", 1)
180000.0
>>> monthly_value(540000, "month", 3)
180000.0
>>> round(monthly_value(171000, "day", 30))
173490
>>> round(monthly_value(1500, "hour", 1))
1095728
"""

#: Days of the average Gregorian month: 365.2425 / 12.
DAYS_PER_MONTH = 365.2425 / 12
_DAYS = {"hour": 1 / 24, "day": 1, "week": 7}


def monthly_value(price, unit, count):
    """Scale the price of a period to one average month (for MRR, never for a bill).

    :param price: price of one period, any currency
    :param unit: "hour", "day", "week" or "month"
    :param count: units in the period, at least 1
    :return: float, not rounded
    """
    if unit == "month":
        return price / count
    return price * DAYS_PER_MONTH / (_DAYS[unit] * count)
