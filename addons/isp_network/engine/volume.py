# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Bytes for people."""


def human(count: int) -> str:
    """Bytes in the unit people buy them in (k = 1,000).

    >>> human(0), human(999), human(1500)
    ('0 B', '999 B', '1.50 kB')
    >>> human(9_000_000_000)
    '9.00 GB'
    >>> human(999_999), human(4_294_967_296_000_000)
    ('1.00 MB', '4294.97 TB')
    """
    if count < 1000:
        return f"{count} B"
    power = 1
    while power < 4 and round(count / 1000**power, 2) >= 1000:
        power += 1
    return f"{count / 1000**power:.2f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
