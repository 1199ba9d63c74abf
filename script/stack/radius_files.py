"""The texts FreeRADIUS reads from files: routers, and log-ins for the time the database is away.

Rows come from the database, and a name there is what somebody typed. FreeRADIUS reads these files as configuration,
in which ``$INCLUDE``, ``DEFAULT``, quotes and ``%{…}`` mean something: a row that is not plain is left out and named,
so it never breaks those beside it.
"""

import ipaddress
import json
import re

#: What may stand between double quotes as it is: no quote, no backslash.
_SECRET = re.compile(r"[!#-&(-\[\]-~]{6,64}", re.A)
#: In the file of users ``%{…}`` is expanded too.
_PASSWORD = re.compile(r"[!#-$&(-\[\]-_a-~]{1,128}", re.A)
_NAME = re.compile(r"[\w.@:-]{1,128}", re.A)
_RATE = re.compile(r"[0-9kM/ ]{1,120}", re.A)
_POOL = re.compile(r"[\w.-]{1,64}", re.A)
#: An answer of the file is good for so long: then the line is asked for again, and the database may be back.
LONGEST = 3600

#: Routers, as ``clients`` takes them.
ROUTERS = """
    SELECT coalesce(json_agg(json_build_array(id, nas_ip, radius_secret, require_message_auth IS TRUE, outside IS TRUE) ORDER BY id), '[]')
      FROM isp_router WHERE active AND radius_secret <> ''
"""
#: Who would be let in now, as ``users`` takes them. Nobody, unless the system parameter says so: the passwords then stand in
#: a file of the RADIUS server.
ACCESSES = """
    SELECT coalesce(json_agg(json_build_array(a.id, a.name, v.password, v.rate, v.static_ip, v.pool, v.session_timeout) ORDER BY a.id), '[]')
      FROM isp_access a CROSS JOIN LATERAL radius.verdict(a.name, NULL, false) v
     WHERE a.state = 'allowed' AND coalesce(a.zone, 0) = 0 AND v.verdict = 'accept' AND v.password <> ''
       AND EXISTS (SELECT 1 FROM ir_config_parameter WHERE key = 'isp_network.offline_log_ins' AND value = 'all')
"""


def clients(rows: str) -> tuple[str, list[str]]:
    r"""The routers as clients.

    :param rows: JSON of ``ROUTERS``
    :return: (text of the file, what was left out and why)

    >>> text, left = clients(r'[[7, "10.0.0.1", "s3cret-long", true, false], [8, "10.0.0.2", "x\"}", false, false], [9, "all", "good-secret", false, true]]')
    >>> print(text.replace("\t", "  "), end="")
    client router-7 {
      ipaddr = 10.0.0.1
      secret = "s3cret-long"
      require_message_authenticator = yes
    }
    >>> left
    ['router 8: its secret', 'router 9: its address']

    A dollar sign before a brace would be expanded:

    >>> clients('[[1, "10.0.0.1", "abc${prefix}", true, false], [2, "2001:db8::1", "good-secret", false, false]]')[1]
    ['router 1: its secret']

    One that is somebody else's is a guest (policy isp_guest):

    >>> clients('[[3, "10.0.0.3", "good-secret", false, true]]')[0].split(" {")[0]
    'client guest-3'
    """
    parts, left = [], []
    for number, address, secret, signed, outside in json.loads(rows):
        try:
            ip = ipaddress.ip_address(address or "")
        except ValueError:
            left.append(f"router {number}: its address")
            continue
        if not _SECRET.fullmatch(secret or "") or "${" in secret:
            left.append(f"router {number}: its secret")
            continue
        kind = "ipaddr" if ip.version == 4 else "ipv6addr"
        parts.append(
            f'client {"guest" if outside else "router"}-{int(number)} {{\n\t{kind} = {ip}\n\tsecret = "{secret}"\n'
            f"\trequire_message_authenticator = {'yes' if signed else 'no'}\n}}\n"
        )
    return "".join(parts), left


def users(rows: str) -> tuple[str, list[str]]:
    r"""Log-ins for the time the database is away, each good for an hour at most.

    :param rows: JSON of ``ACCESSES``
    :return: (text of the file, what was left out and why)

    >>> text, left = users('[[7, "achol", "pw", "1024k/2048k", null, "home", 90000], [8, "DEFAULT", "x", null, null, null, null]]')
    >>> print(text.replace("\t", "  "), end="")
    "achol"  Cleartext-Password := "pw"
      Class = 0x6973703a37,
      Mikrotik-Rate-Limit = "1024k/2048k",
      Framed-Pool = "home",
      Acct-Interim-Interval = 300,
      Session-Timeout = 3600
    >>> left
    ['access 8: its user name']

    >>> users(r'[[1, "a b", "x", null, null, null, null], [2, "ok", "%{exec:id}", null, null, null, 60], [3, "ok", "a\nb", null, null, null, 60]]')
    ('', ['access 1: its user name', 'access 2: its password', 'access 3: its password'])
    """
    parts, left = [], []
    for number, name, password, rate, address, pool, seconds in json.loads(rows):
        # "DEFAULT" means everybody.
        if not _NAME.fullmatch(name or "") or name.upper().startswith("DEFAULT"):
            left.append(f"access {number}: its user name")
            continue
        if not _PASSWORD.fullmatch(password or "") or "${" in password:
            left.append(f"access {number}: its password")
            continue
        reply = [f"Class = 0x{f'isp:{int(number)}'.encode().hex()}"]
        if rate and _RATE.fullmatch(rate):
            reply.append(f'Mikrotik-Rate-Limit = "{rate}"')
        try:
            reply.append(f"Framed-IP-Address = {ipaddress.IPv4Address(address or '')}")
        except ValueError:
            if pool and _POOL.fullmatch(pool):
                reply.append(f'Framed-Pool = "{pool}"')
        reply += ["Acct-Interim-Interval = 300", f"Session-Timeout = {max(1, min(int(seconds or LONGEST), LONGEST))}"]
        body = ",\n\t".join(reply)
        parts.append(f'"{name}"\tCleartext-Password := "{password}"\n\t{body}\n')
    return "".join(parts), left


#: The files: what is asked of the database, and what its answer becomes.
FILES = {"clients.conf": (ROUTERS, clients), "users_fallback": (ACCESSES, users)}
