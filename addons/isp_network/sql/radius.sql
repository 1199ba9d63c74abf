-- What FreeRADIUS may ask and tell. Applied at every install and upgrade of isp_network (models/isp_radius.py).
--
-- Public functions (the RADIUS role may execute these and nothing else of ours):
--   radius.auth(login, nas, mac)    the whole answer to a log-in
--   radius.authz(login, nas, mac)   its check rows:  Cleartext-Password, or Auth-Type := Reject
--   radius.authr(login, nas, mac)   its reply rows:  what goes into the Access-Accept, or Reply-Message of a reject
--   radius.acct(…)                  one Start, Interim-Update or Stop; idempotent; answers 1
--   radius.acct_nas(…)              Accounting-On/-Off of a router; answers 1
--   radius.nas(ip)                  secret of a router that FreeRADIUS does not know yet
--   radius.postauth(…)              a log-in was refused: kept for customer service; answers 1
--   radius.first_use(login, nas, mac)  the first log-in of an access whose time runs from then on; answers 1
--
-- Rules for this file
--   * Bodies are strings (plpgsql), so PostgreSQL does not block an ALTER TABLE of an Odoo upgrade as it does for views.
--   * plpgsql: plans are kept for the life of a connection. SQL language only for what callers can take in line.
--   * What stands in a statement is paid for with every packet, whether it gets there or not: a table 5 µs, an operator or
--     function 0.3 µs, an assignment or IF of plpgsql 0.5 µs; a log-in by the stock queries takes 65 µs in all.
--   * Tables are named with their schema and the search path is pinned: nobody's operator or table can slip in. Setting it costs
--     a tenth of a log-in, so the functions that are asked most look at it instead (radius.pinned).
--   * Times are UTC without zone, as in Odoo. `statement_timestamp()`: the moment of the question.
--   * Nothing here writes a row that Odoo writes. Odoo works in REPEATABLE READ: such a write would make
--     its transactions fail with "could not serialize access".
--   * Accounting is counted in statements: each costs more than all arithmetic around it. Tables leave room in their pages,
--     so that an update stays on its page and touches no index.

CREATE SCHEMA IF NOT EXISTS radius;

-- What a packet added, as it came: one partition a month, dropped whole when it is too old (isp.usage.raw). Rows of a
-- month nobody made a partition for are not lost: they go to the default partition until radius.usage_month makes it.
CREATE TABLE IF NOT EXISTS public.isp_usage_raw (
    access_id integer NOT NULL,
    at timestamp NOT NULL,
    bytes_up bigint NOT NULL,
    bytes_down bigint NOT NULL,
    seconds integer NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS public.isp_usage_raw_default PARTITION OF public.isp_usage_raw DEFAULT;
CREATE INDEX IF NOT EXISTS isp_usage_raw_access_at ON public.isp_usage_raw (access_id, at);

-- Days with an hour that is not summed up yet (isp.usage._roll_up). The hour itself says so too, in a column that no index
-- knows, so that to change it costs little.
CREATE TABLE IF NOT EXISTS public.isp_usage_due (access_id integer, day date, PRIMARY KEY (access_id, day));

ALTER TABLE public.isp_session SET (fillfactor = 75);
ALTER TABLE public.isp_usage SET (fillfactor = 75);
ALTER TABLE public.isp_quota_counter SET (fillfactor = 50);
ALTER TABLE public.isp_login_guess SET (fillfactor = 50);

-- ---------------------------------------------------------------- small helpers

-- May bare names be trusted? With these search paths they are PostgreSQL's own: "radius" is that of FreeRADIUS's connections
-- (mods/sql), the other one is what the functions here set. Called before anything else, and itself safe with any path.
CREATE OR REPLACE FUNCTION radius.pinned() RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.=) ANY ('{radius,"pg_catalog, pg_temp"}'::pg_catalog.text[])
$$;

-- Seconds between interim packets: 300 with a jitter of 10 %, always the same for one access.
CREATE OR REPLACE FUNCTION radius.interim(p_access integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT 270 + p_access % 61 $$;

-- As radius.mac, for the other spellings.
CREATE OR REPLACE FUNCTION radius.mac_spelled(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_hex text;
BEGIN
    IF p_text IS NULL OR length(p_text) > 40 THEN
        RETURN NULL;
    END IF;
    -- "1:" before it says "Ethernet": the client identifier of DHCP (RFC 2132 9.14).
    v_hex := upper(translate(CASE WHEN p_text LIKE '1:%:%:%:%:%:%' THEN substr(p_text, 3) ELSE p_text END, ':.-', ''));
    IF length(v_hex) <> 12 OR translate(v_hex, '0123456789ABCDEF', '') <> '' THEN
        RETURN NULL;
    END IF;
    RETURN concat_ws(':', substr(v_hex, 1, 2), substr(v_hex, 3, 2), substr(v_hex, 5, 2), substr(v_hex, 7, 2),
                     substr(v_hex, 9, 2), substr(v_hex, 11, 2));
END $$;

-- AA:BB:CC:DD:EE:FF from any of the usual spellings, else NULL. In line: nearly all routers write it like this.
CREATE OR REPLACE FUNCTION radius.mac(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_text LIKE '__:__:__:__:__:__' AND translate(p_text, '0123456789ABCDEF', '') = ':::::' THEN p_text
        ELSE radius.mac_spelled(p_text)
    END
$$;

-- A whole number from 0 to p_max; blank is 0; anything else is NULL. (SQL, so that callers take it in line.)
CREATE OR REPLACE FUNCTION radius.number(p_text text, p_max bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_text IS NULL OR p_text = '' THEN 0
        WHEN length(p_text) <= 18 AND translate(p_text, '0123456789', '') = ''
        THEN CASE WHEN p_text::bigint <= p_max THEN p_text::bigint END
    END
$$;

-- Text of limited length; blank is NULL.
CREATE OR REPLACE FUNCTION radius.label(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(left(p_text, 253), '') $$;

-- The access id in a Class we gave out ("isp:<id>"); FreeRADIUS prints Class as hex.
CREATE OR REPLACE FUNCTION radius.class_id(p_class text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_digits text;
BEGIN
    IF p_class IS NULL THEN
        RETURN NULL;
    ELSIF p_class ~ '^0x6973703a(3[0-9]){1,9}$' THEN
        v_digits := regexp_replace(substr(p_class, 11), '3([0-9])', '\1', 'g');
    ELSIF p_class ~ '^isp:[0-9]{1,9}$' THEN
        v_digits := substr(p_class, 5);
    ELSE
        RETURN NULL;
    END IF;
    RETURN v_digits::integer;
END $$;

-- The start of a cycle on a day that not every month has: there it is the last one.
CREATE OR REPLACE FUNCTION radius.quota_start_late(p_day integer, p_at timestamp) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_local timestamp := p_at + interval '2 hours';  -- Africa/Juba is UTC+2 all year
    v_month timestamp := date_trunc('month', v_local);
    v_start timestamp := least(v_month + make_interval(days => p_day - 1), v_month + interval '1 month' - interval '1 day');
BEGIN
    IF v_start > v_local THEN
        v_start := least(v_month - interval '1 month' + make_interval(days => p_day - 1), v_month - interval '1 day');
    END IF;
    RETURN v_start - interval '2 hours';
END $$;

-- Since when the data of a quota counts: the last start of a cycle (midnight in Juba on the cycle's day), not before p_from.
-- No cycle: p_from.
CREATE OR REPLACE FUNCTION radius.quota_start(p_from timestamp, p_day integer, p_at timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(coalesce(p_from, '-infinity'), CASE
        -- The first of the month, moved to the day and to midnight in Juba (22:00 of the day before, all year).
        WHEN p_day BETWEEN 1 AND 28 THEN
            date_trunc('month', p_at - make_interval(days => p_day, hours => -26)) + make_interval(days => p_day, hours => -26)
        WHEN p_day BETWEEN 29 AND 31 THEN radius.quota_start_late(p_day, p_at)
    END)
$$;

-- When the cycle ends that runs at p_at; no cycle: never.
CREATE OR REPLACE FUNCTION radius.quota_end(p_day integer, p_at timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_day BETWEEN 1 AND 31
        THEN radius.quota_start(NULL, p_day, radius.quota_start(NULL, p_day, p_at) + interval '32 days') ELSE '9999-12-31' END
$$;

-- ---------------------------------------------------------------- what is the answer for this log-in?

-- The speed of a plan with hours of its own (isp.plan.rate), and in how many seconds another one begins (NULL: never).
-- The first line that covers the moment wins; hours are Juba's. The same rule in Python: engine/schedule.py.
CREATE OR REPLACE FUNCTION radius.plan_rate(
    p_plan integer, p_rate text, p_at timestamp, OUT rate text, OUT change_in integer
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_local timestamp := p_at + interval '2 hours';  -- Africa/Juba is UTC+2 all year
    v_second integer := extract(epoch FROM v_local - date_trunc('week', v_local))::integer;
    v_minute integer := v_second / 60;
BEGIN
    WITH span AS (
        SELECT r.sequence, r.id, coalesce(r.rate_limit, '') AS rate, d * 1440 + r.minute_from AS begins,
               (r.minute_to - r.minute_from + 1439) % 1440 + 1 AS minutes
          FROM public.isp_plan_rate r CROSS JOIN generate_series(0, 6) d
         WHERE r.plan_id = p_plan AND (r.days >> d) & 1 = 1
    ), moment AS (
        SELECT v_minute AS at UNION SELECT begins FROM span UNION SELECT (begins + minutes) % 10080 FROM span
    ), speed AS (
        SELECT (m.at - v_minute + 10080) % 10080 AS ahead,
               coalesce((SELECT s.rate FROM span s WHERE (m.at - s.begins + 10080) % 10080 < s.minutes
                          ORDER BY s.sequence, s.id LIMIT 1), coalesce(p_rate, '')) AS rate
          FROM moment m
    )
    SELECT nullif(n.rate, ''), (SELECT min(o.ahead) FROM speed o WHERE o.rate <> n.rate) * 60 - v_second % 60
      INTO rate, change_in
      FROM speed n WHERE n.ahead = 0;
END $$;

-- One place for the rules. No row of isp_access: access_id is NULL.
--   verdict   accept | wall (accepted into the walled garden) | reject
--   reason    elsewhere | guessing | closed | devices | suspended | expired | quota, with its text in message
--   data_left bytes of the quota left, NULL without a quota
--   by_mac    the user name is the MAC address of the asking device, and this access lets it in without a password
--   first     its time runs from its first log-in, and this is the first
-- p_count: false leaves the device limit out. p_nas: NULL leaves the place out.
DROP FUNCTION IF EXISTS radius.verdict(text, text, boolean);
DROP FUNCTION IF EXISTS radius.verdict(text, text, boolean, text);
CREATE OR REPLACE FUNCTION radius.verdict(
    p_login text, p_mac text, p_count boolean, p_nas text DEFAULT NULL,
    OUT access_id integer, OUT password text, OUT verdict text, OUT reason text, OUT message text,
    OUT rate text, OUT static_ip text, OUT session_timeout integer, OUT data_left bigint,
    OUT by_mac boolean, OUT pool text, OUT ipv6_prefix text, OUT ipv6_link text, OUT ipv6_pool text, OUT first boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_now timestamp := statement_timestamp() AT TIME ZONE 'UTC';
    v_mac text := radius.mac(p_mac);
    v_name text := p_login;
    v_devices integer;
    v_time_left bigint;
    v_change integer;
    v_until timestamp;
    v_use integer;
    a record;
    n record;
BEGIN
    by_mac := false;
    first := false;
    FOR v_try IN 1..2 LOOP
        -- One statement for the common case. (radius.auth looks at these columns too.)
        SELECT x.id, x.password, x.state, x.valid_until, x.quota_bytes, x.quota_from, x.quota_day, x.topup_bytes, x.topup_until,
               x.time_limit, x.device_limit, x.static_ip, x.ip_pool, x.mac, x.mac_login, x.fup_rate, x.ipv6_prefix, x.ipv6_link,
               x.zone, x.use_seconds, x.refuse_ended, x.own_rate, x.mac_bound,
               CASE WHEN x.use_seconds > 0 THEN (SELECT u.first_at FROM public.isp_access_use u WHERE u.access_id = x.id) END AS first_at,
               x.plan_id, p.ip_pool AS plan_pool, p.ipv6_pool, p.rate_limit, p.scheduled, c.since, c.bytes, c.seconds,
               -- Sessions of other devices that still report. Not counted: the same device dialling again (its old session
               -- may stand open after a power cut), and sessions that missed two interim packets.
               CASE WHEN p_count AND x.device_limit > 0 THEN
                   (SELECT count(*) FROM public.isp_session s
                     WHERE s.access_id = x.id AND s.stopped IS NULL
                       AND s.updated > v_now - (2 * radius.interim(x.id) + 60) * interval '1 second'
                       AND (x.moved_at IS NULL OR s.started > x.moved_at)
                       AND (v_mac IS NULL OR s.mac IS DISTINCT FROM v_mac))
               END AS others,
               x.moved_at
          INTO a
          FROM public.isp_access x
          LEFT JOIN public.isp_plan p ON p.id = x.plan_id
          LEFT JOIN public.isp_quota_counter c ON c.access_id = x.id
         WHERE x.name = v_name;
        EXIT WHEN FOUND OR v_try = 2 OR v_mac IS NULL;
        -- Nobody's user name. Is it the MAC address of the asking device itself, in any spelling? What somebody types into
        -- a page is not: then the router names another device as Calling-Station-Id.
        EXIT WHEN radius.mac(p_login) IS DISTINCT FROM v_mac;
        SELECT x.name INTO v_name FROM public.isp_access x WHERE x.mac = v_mac AND x.mac_login;
        EXIT WHEN NOT FOUND;
    END LOOP;
    IF a.id IS NULL THEN
        RETURN;
    END IF;
    access_id := a.id;
    password := a.password;
    static_ip := nullif(a.static_ip, '');
    ipv6_prefix := nullif(a.ipv6_prefix, '');
    ipv6_link := nullif(a.ipv6_link, '');
    IF static_ip IS NULL THEN
        pool := nullif(coalesce(a.ip_pool, a.plan_pool), '');
    END IF;
    IF ipv6_prefix IS NULL THEN
        ipv6_pool := nullif(a.ipv6_pool, '');
    END IF;
    IF a.mac_login AND a.mac = v_mac THEN
        by_mac := coalesce(radius.mac(p_login) = v_mac, false);
    END IF;

    IF p_nas IS NOT NULL THEN
        -- A log-in of a hotspot is good there only; and a router that is somebody else's lets in nobody but its hotspot's.
        SELECT r.zone, r.outside INTO n FROM public.isp_router r WHERE r.nas_ip = p_nas AND r.zone > 0;
        IF (a.zone > 0 AND n.zone IS DISTINCT FROM a.zone) OR (n.outside AND coalesce(a.zone, 0) = 0) THEN
            verdict := 'reject'; reason := 'elsewhere'; message := 'Not valid at this place';
            RETURN;
        ELSIF n.zone > 0 AND radius.locked_out(a.id, v_mac, p_nas, v_now) THEN
            verdict := 'reject'; reason := 'guessing'; message := 'Too many wrong tries: wait a while';
            RETURN;
        END IF;
    END IF;

    IF a.state IS DISTINCT FROM 'allowed' AND a.state IS DISTINCT FROM 'walled' THEN
        verdict := 'reject'; reason := 'closed'; message := 'This account is closed';
        RETURN;
    END IF;

    IF a.mac_bound AND p_mac IS NOT NULL AND v_mac IS DISTINCT FROM a.mac THEN
        verdict := 'reject'; reason := 'devices'; message := 'Not for this device';
        RETURN;
    END IF;

    IF a.others >= a.device_limit THEN
        -- A device may have several sessions; then it counts once.
        SELECT count(DISTINCT coalesce(s.mac, s.id::text)) INTO v_devices
          FROM public.isp_session s
         WHERE s.access_id = a.id AND s.stopped IS NULL
           AND s.updated > v_now - (2 * radius.interim(a.id) + 60) * interval '1 second'
           AND (a.moved_at IS NULL OR s.started > a.moved_at)
           AND (v_mac IS NULL OR s.mac IS DISTINCT FROM v_mac);
        IF v_devices >= a.device_limit THEN
            verdict := 'reject'; reason := 'devices'; message := 'Too many devices are logged in';
            RETURN;
        END IF;
    END IF;

    v_until := a.valid_until;
    IF a.use_seconds > 0 THEN
        first := a.first_at IS NULL;
        v_use := a.use_seconds;
        v_until := least(v_until, a.first_at + make_interval(secs => a.use_seconds));
    END IF;

    verdict := 'accept';
    IF a.state = 'walled' THEN
        verdict := 'wall'; reason := 'suspended'; message := 'Suspended';
    ELSIF v_until <= v_now THEN
        verdict := 'wall'; reason := 'expired'; message := 'Expired';
    ELSIF a.quota_bytes > 0 OR a.time_limit > 0 THEN
        IF a.since IS DISTINCT FROM radius.quota_start(a.quota_from, a.quota_day, v_now) THEN
            a.bytes := 0; a.seconds := 0;  -- a new cycle, of which nothing has been used
        END IF;
        IF a.quota_bytes > 0 THEN
            data_left := a.quota_bytes - coalesce(a.bytes, 0);
            IF a.topup_until > v_now THEN
                data_left := data_left + coalesce(a.topup_bytes, 0);
            END IF;
            data_left := greatest(data_left, 0);
        END IF;
        IF a.time_limit > 0 THEN
            v_time_left := greatest(a.time_limit - coalesce(a.seconds, 0), 0);
        END IF;
        IF data_left = 0 THEN
            verdict := 'wall'; reason := 'quota'; message := 'Data used up';
        ELSIF v_time_left = 0 THEN
            verdict := 'wall'; reason := 'quota'; message := 'Time used up';
        END IF;
    END IF;

    IF verdict = 'wall' AND a.refuse_ended AND reason <> 'suspended' THEN
        verdict := 'reject'; first := false;
    ELSIF verdict = 'wall' THEN
        data_left := NULL; first := false;
        SELECT g.value INTO rate FROM public.ir_config_parameter g WHERE g.key = 'isp_network.walled_rate';
        IF rate IS NULL OR rate !~ '^[0-9]+[kM]?(/[0-9]+[kM]?)?$' THEN
            rate := '128k/256k';
        END IF;
        session_timeout := 900;  -- asked again even if no Disconnect can reach the router after the payment
    ELSE
        rate := coalesce(nullif(a.fup_rate, ''), nullif(a.own_rate, ''), nullif(a.rate_limit, ''));
        IF a.scheduled AND coalesce(a.fup_rate, a.own_rate, '') = '' THEN
            SELECT r.rate, r.change_in INTO rate, v_change FROM radius.plan_rate(a.plan_id, a.rate_limit, v_now) r;
            -- Not all lines of a plan in the same second.
            v_change := v_change + 1 + (a.id::bigint * 37) % 60;
        END IF;
        IF v_until IS NOT NULL OR v_time_left IS NOT NULL OR v_change IS NOT NULL OR first THEN
            session_timeout := greatest(
                least(ceil(extract(epoch FROM v_until - v_now)), CASE WHEN first THEN v_use END, v_time_left, v_change, 86400), 1);
        END IF;
    END IF;
END $$;

-- Is this device kept from trying at a hotspot? After 10 wrong tries within 15 minutes, until they are 15 minutes old; or
-- while there are more than 60 a minute, from whatever devices, if it was never let in there. (models/isp_login_guess.py)
DROP FUNCTION IF EXISTS radius.locked_out(integer, text, text, timestamp);
CREATE OR REPLACE FUNCTION radius.locked_out(p_access integer, p_mac text, p_nas text, p_now timestamp) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM public.isp_login_guess g
                    WHERE g.nas_ip = p_nas AND g.mac = p_mac AND g.mac <> '' AND g.wrong >= 10 AND g.since > p_now - interval '15 minutes')
        OR (EXISTS (SELECT 1 FROM public.isp_login_guess g
                     WHERE g.nas_ip = p_nas AND g.mac = '' AND g.wrong >= 60 AND g.since > p_now - interval '1 minute')
            AND NOT EXISTS (SELECT 1 FROM public.isp_session s WHERE s.access_id = p_access AND s.mac = p_mac));
END $$;

-- ---------------------------------------------------------------- authentication

-- The answer by the rules of radius.verdict: rows for rlm_sql.
CREATE OR REPLACE FUNCTION radius.auth_by_rules(p_login text, p_nas text, p_mac text)
RETURNS TABLE (id integer, username text, attribute text, value text, op text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v record;
BEGIN
    v := radius.verdict(p_login, p_mac, true, p_nas);
    IF v.access_id IS NULL THEN
        RETURN;
    END IF;
    id := v.access_id; username := p_login; op := ':=';
    IF v.first THEN
        attribute := 'Tmp-Integer-1'; value := '1'; RETURN NEXT;  -- FreeRADIUS calls radius.first_use when it has accepted
    END IF;
    IF v.message IS NOT NULL THEN
        attribute := 'Reply-Message'; value := v.message; RETURN NEXT;
    END IF;
    IF v.verdict = 'reject' THEN
        attribute := 'Auth-Type'; value := 'Reject'; RETURN NEXT;
        RETURN;
    END IF;
    IF v.by_mac THEN
        attribute := 'Auth-Type'; value := 'Accept'; RETURN NEXT;
    ELSIF v.password <> '' THEN
        attribute := 'Cleartext-Password';
        -- rlm_sql expands a value that is quoted as a whole ("…" and `…`): pass such a password as a literal.
        value := CASE
            WHEN left(v.password, 1) IN ('"', '''', '`') AND left(v.password, 1) = right(v.password, 1)
            THEN '''' || replace(replace(v.password, '\', '\\'), '''', '\''') || ''''
            ELSE v.password END;
        RETURN NEXT;
    END IF;
    attribute := 'Class'; value := 'isp:' || v.access_id; RETURN NEXT;
    attribute := 'Acct-Interim-Interval'; value := radius.interim(v.access_id); RETURN NEXT;
    IF v.rate IS NOT NULL THEN
        attribute := 'Mikrotik-Rate-Limit'; value := v.rate; RETURN NEXT;
    END IF;
    IF v.verdict = 'wall' THEN
        attribute := 'Mikrotik-Address-List'; value := 'isp-' || v.reason; RETURN NEXT;
    END IF;
    IF v.session_timeout IS NOT NULL THEN
        attribute := 'Session-Timeout'; value := v.session_timeout; RETURN NEXT;
    END IF;
    IF v.static_ip IS NOT NULL THEN
        attribute := 'Framed-IP-Address'; value := v.static_ip; RETURN NEXT;
    END IF;
    IF v.pool IS NOT NULL THEN
        attribute := 'Framed-Pool'; value := v.pool; RETURN NEXT;
    END IF;
    IF v.ipv6_link IS NOT NULL THEN
        attribute := 'Framed-IPv6-Prefix'; value := v.ipv6_link; RETURN NEXT;
    END IF;
    IF v.ipv6_prefix IS NOT NULL THEN
        attribute := 'Delegated-IPv6-Prefix'; value := v.ipv6_prefix; RETURN NEXT;
    ELSIF v.ipv6_pool IS NOT NULL THEN
        attribute := 'Mikrotik-Delegated-IPv6-Pool'; value := v.ipv6_pool; RETURN NEXT;
        attribute := 'Delegated-IPv6-Prefix-Pool'; RETURN NEXT;  -- the same for other makes (RFC 6911)
    END IF;
    IF v.data_left IS NOT NULL THEN
        attribute := 'Mikrotik-Total-Limit'; value := v.data_left % 4294967296; RETURN NEXT;
        attribute := 'Mikrotik-Total-Limit-Gigawords'; value := v.data_left / 4294967296; RETURN NEXT;
    END IF;
END $$;

-- All of an answer in one question: what FreeRADIUS asks. It takes the rows as reply items and takes out those that are not
-- for the router (config/freeradius/sites/main).
--
-- A short cut, at half the price: who has a password and nothing against him is answered by one statement. It need only be
-- sure: whatever it does not understand goes by the rules. So each column that radius.verdict looks at has its place here (the
-- tests compare the two), and a new rule gets one: "x.its_column IS NULL" will do.
CREATE OR REPLACE FUNCTION radius.auth(p_login text, p_nas text DEFAULT NULL, p_mac text DEFAULT NULL)
RETURNS TABLE (id integer, username text, attribute text, value text, op text)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
    v_now timestamp;
BEGIN
    IF radius.pinned() THEN
        v_now := statement_timestamp() AT TIME ZONE 'UTC';
        RETURN QUERY
            SELECT r.id, p_login, r.attribute, r.value, ':='::text
              FROM (
                SELECT x.id,
                       unnest('{Cleartext-Password,Class,Acct-Interim-Interval,Mikrotik-Rate-Limit,Session-Timeout,Framed-Pool,'
                              'Mikrotik-Total-Limit,Mikrotik-Total-Limit-Gigawords}'::text[]) AS attribute,
                       unnest(ARRAY[
                           x.password, 'isp:' || x.id, radius.interim(x.id)::text, p.rate_limit,
                           CASE WHEN x.valid_until IS NOT NULL THEN
                               greatest(least(ceil(date_part('epoch', x.valid_until - v_now)), 86400), 1)::text END,
                           coalesce(x.ip_pool, p.ip_pool), ((x.quota - c.bytes) % 4294967296)::text, ((x.quota - c.bytes) / 4294967296)::text
                       ]) AS value
                  FROM (
                    SELECT x.id, x.password::text, x.plan_id, x.ip_pool, x.valid_until, nullif(x.quota_bytes, 0) AS quota, x.quota_from, x.quota_day
                      FROM public.isp_access x
                     WHERE x.name = p_login AND x.state = 'allowed'
                       AND ascii(x.password) NOT IN (0, 34, 39, 96)  -- it is not blank and begins with no quote
                       AND (x.valid_until <= v_now) IS NOT TRUE
                       AND (x.topup_until > v_now) IS NOT TRUE
                       AND (greatest(x.time_limit, x.use_seconds, x.zone) > 0) IS NOT TRUE
                       AND CASE WHEN x.device_limit > 0 THEN NOT EXISTS (
                           SELECT FROM public.isp_session s WHERE s.access_id = x.id AND s.stopped IS NULL AND s.mac IS DISTINCT FROM coalesce(p_mac, '')
                       ) ELSE true END
                       AND x.mac_login IS NOT TRUE AND x.mac_bound IS NOT TRUE AND x.fup_rate IS NULL AND x.own_rate IS NULL
                       AND x.static_ip IS NULL AND x.ipv6_prefix IS NULL AND x.ipv6_link IS NULL
                    OFFSET 0  -- PostgreSQL then carries these columns and no others
                  ) x
                  LEFT JOIN LATERAL (
                    SELECT p.rate_limit, p.ip_pool, p.ipv6_pool, p.scheduled FROM public.isp_plan p WHERE p.id = x.plan_id OFFSET 0
                  ) p ON true
                  LEFT JOIN public.isp_quota_counter c ON c.access_id = x.id
                 WHERE NOT EXISTS (SELECT FROM public.isp_router n WHERE n.nas_ip = p_nas AND n.zone > 0)
                   AND p.scheduled IS NOT TRUE AND p.ipv6_pool IS NULL
                       -- Counted for the terms that hold, and in the cycle that runs.
                   AND (x.quota IS NULL OR c.quota_day IS NOT DISTINCT FROM x.quota_day AND c.quota_from IS NOT DISTINCT FROM x.quota_from
                        AND c.since <= v_now AND c.until > v_now AND c.bytes < x.quota)
              ) r
             WHERE r.value <> '';
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM radius.auth_by_rules(p_login, p_nas, p_mac);
END $$;

-- The two halves of it, for servers and people who want them apart.
CREATE OR REPLACE FUNCTION radius.authz(p_login text, p_nas text DEFAULT NULL, p_mac text DEFAULT NULL)
RETURNS TABLE (id integer, username text, attribute text, value text, op text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM radius.auth(p_login, p_nas, p_mac) r WHERE r.attribute IN ('Cleartext-Password', 'Auth-Type', 'Tmp-Integer-1');
END $$;

CREATE OR REPLACE FUNCTION radius.authr(p_login text, p_nas text DEFAULT NULL, p_mac text DEFAULT NULL)
RETURNS TABLE (id integer, username text, attribute text, value text, op text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM radius.auth(p_login, p_nas, p_mac) r WHERE r.attribute NOT IN ('Cleartext-Password', 'Auth-Type', 'Tmp-Integer-1');
END $$;

CREATE OR REPLACE FUNCTION radius.nas(p_ip text)
RETURNS TABLE (shortname text, secret text, require_message_auth text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT CASE WHEN r.outside THEN 'guest-' ELSE 'router-' END || r.id, r.radius_secret::text, CASE WHEN r.require_message_auth THEN 'yes' ELSE 'no' END
          FROM public.isp_router r
         WHERE r.nas_ip = p_ip AND r.active AND r.radius_secret <> '';
END $$;

-- Count a wrong try at a hotspot: of the device, and of all devices of the minute. One that is locked out already counts for itself
-- only: alone it keeps nobody else out.
CREATE OR REPLACE FUNCTION radius.wrong_guess(p_nas text, p_mac text, p_now timestamp) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_wrong integer := 0;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.isp_router r WHERE r.nas_ip = p_nas AND r.zone > 0) THEN
        RETURN;
    END IF;
    IF p_mac IS NOT NULL THEN
        INSERT INTO public.isp_login_guess AS g (nas_ip, mac, since, wrong) VALUES (p_nas, p_mac, p_now, 1)
        ON CONFLICT (nas_ip, mac) DO UPDATE
           SET wrong = CASE WHEN g.since > p_now - interval '15 minutes' THEN g.wrong + 1 ELSE 1 END,
               since = CASE WHEN g.since > p_now - interval '15 minutes' AND g.wrong < 10 THEN g.since ELSE p_now END
        RETURNING g.wrong INTO v_wrong;
    END IF;
    IF v_wrong > 10 THEN
        RETURN;
    END IF;
    INSERT INTO public.isp_login_guess AS g (nas_ip, mac, since, wrong) VALUES (p_nas, '', p_now, 1)
    ON CONFLICT (nas_ip, mac) DO UPDATE
       SET wrong = CASE WHEN g.since > p_now - interval '1 minute' THEN g.wrong + 1 ELSE 1 END,
           since = CASE WHEN g.since > p_now - interval '1 minute' THEN g.since ELSE p_now END;
END $$;

-- The time of this access runs from now on, if it does from its first log-in and this is the first. Idempotent; two devices at
-- once: one of them is the first. FreeRADIUS calls it when it has accepted, so a name alone starts nobody's time.
CREATE OR REPLACE FUNCTION radius.first_use(p_login text, p_nas text, p_mac text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.isp_access_use (access_id, first_at, mac, nas_ip)
    SELECT a.id, statement_timestamp() AT TIME ZONE 'UTC', radius.mac(p_mac), radius.label(p_nas)
      FROM public.isp_access a
     WHERE a.id = coalesce((SELECT n.id FROM public.isp_access n WHERE n.name = p_login),
                           (SELECT m.id FROM public.isp_access m WHERE m.mac = radius.mac(p_login) AND m.mac_login))
       AND a.use_seconds > 0
    ON CONFLICT (access_id) DO NOTHING;
    RETURN 1;
END $$;

-- A log-in was refused. Customer service sees who tried, and what was wrong: a user name nobody has, a wrong password,
-- too many devices, a closed account. The password that was typed is not handed over.
--
-- One row an hour for each (user name, device, reason), which counts. At most 120 new rows a minute: who tries names by
-- the thousand is counted in one row without a name. Not waited for on disk: a log, not a ledger.
CREATE OR REPLACE FUNCTION radius.postauth(p_login text, p_nas text, p_mac text, p_called text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamp := statement_timestamp() AT TIME ZONE 'UTC';
    v_login text := coalesce(radius.label(p_login), '');
    v_mac text := coalesce(radius.mac(p_mac), radius.label(p_mac), '');
    v_nas text := radius.label(p_nas);
    v_reason text;
    v record;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    v := radius.verdict(p_login, p_mac, true, p_nas);
    v_reason := CASE
        WHEN v.access_id IS NULL THEN 'unknown'
        WHEN v.verdict = 'reject' THEN v.reason
        WHEN coalesce(v.password, '') = '' THEN 'unset'
        ELSE 'password'
    END;
    IF v_reason IN ('unknown', 'password', 'elsewhere') THEN
        PERFORM radius.wrong_guess(v_nas, radius.mac(p_mac), v_now);
    END IF;
    UPDATE public.isp_login_attempt t
       SET times = t.times + 1, last = v_now, nas_ip = v_nas, called = radius.label(p_called)
     WHERE t.user_name = v_login AND t.mac = v_mac AND t.reason = v_reason AND t.hour = date_trunc('hour', v_now);
    IF FOUND THEN
        RETURN 1;
    END IF;
    IF (SELECT count(*) FROM (SELECT 1 FROM public.isp_login_attempt t
                               WHERE t.first > v_now - interval '1 minute' LIMIT 120) recent) >= 120 THEN
        -- Who does not get the row at once is not counted: nobody queues for a number.
        IF NOT pg_try_advisory_xact_lock(hashtext('radius.postauth')) THEN
            RETURN 1;
        END IF;
        v_login := ''; v_mac := ''; v_reason := 'flood';
        v.access_id := NULL;
    END IF;
    INSERT INTO public.isp_login_attempt AS t (user_name, mac, reason, hour, access_id, nas_ip, called, times, first, last)
    VALUES (v_login, v_mac, v_reason, date_trunc('hour', v_now), v.access_id, v_nas, radius.label(p_called), 1, v_now, v_now)
    ON CONFLICT (user_name, mac, reason, hour) DO UPDATE SET times = t.times + 1, last = excluded.last, nas_ip = excluded.nas_ip;
    RETURN 1;
END $$;

-- ---------------------------------------------------------------- accounting

-- Make the partition of a month of isp_usage_raw, and move there what waits in the default partition. Idempotent.
CREATE OR REPLACE FUNCTION radius.usage_month(p_at timestamp) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_from timestamp := date_trunc('month', p_at);
    v_to timestamp := v_from + interval '1 month';
    v_name text := 'isp_usage_raw_' || to_char(v_from, 'YYYY_MM');
BEGIN
    IF to_regclass('public.' || v_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.isp_usage_raw)', v_name);
    LOCK TABLE public.isp_usage_raw_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH d AS (DELETE FROM public.isp_usage_raw_default WHERE at >= %L AND at < %L RETURNING *)'
                   ' INSERT INTO public.%I SELECT * FROM d', v_from, v_to, v_name);
    EXECUTE format('ALTER TABLE public.isp_usage_raw ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', v_name, v_from, v_to);
    RETURN true;
END $$;

-- Book a difference: to the hour of the access, to its quota, and as it came. Caller's transaction.
CREATE OR REPLACE FUNCTION radius.book(p_access integer, p_at timestamp, p_up bigint, p_down bigint, p_seconds bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_since timestamp;
    v_now timestamp := statement_timestamp() AT TIME ZONE 'UTC';
    v_ahead timestamp := v_now + interval '1 day';
    v_default boolean;
    q record;
BEGIN
    -- A router whose clock is ahead begins nobody's next cycle.
    p_at := least(p_at, v_now);
    UPDATE public.isp_usage u
       SET bytes_up = u.bytes_up + p_up, bytes_down = u.bytes_down + p_down, seconds = u.seconds + p_seconds
     WHERE u.access_id = p_access AND u.hour = date_trunc('hour', p_at) AND u.dirty IS NOT FALSE;
    IF NOT FOUND THEN
        INSERT INTO public.isp_usage AS u (access_id, hour, bytes_up, bytes_down, seconds, dirty)
        VALUES (p_access, date_trunc('hour', p_at), p_up, p_down, p_seconds, true)
        ON CONFLICT (access_id, hour) DO UPDATE
           SET bytes_up = u.bytes_up + excluded.bytes_up,
               bytes_down = u.bytes_down + excluded.bytes_down,
               seconds = u.seconds + excluded.seconds,
               dirty = true;
        -- Written though it may be there: who sums up this very day at this moment fails, and does it again with this hour.
        INSERT INTO public.isp_usage_due AS d (access_id, day) VALUES (p_access, (p_at + interval '2 hours')::date)
        ON CONFLICT (access_id, day) DO UPDATE SET day = excluded.day;
    END IF;
    SELECT a.quota_bytes, a.time_limit, a.quota_from, a.quota_day INTO q FROM public.isp_access a WHERE a.id = p_access;
    IF q.quota_bytes > 0 OR q.time_limit > 0 THEN
        UPDATE public.isp_quota_counter c
           SET bytes = c.bytes + p_up + p_down, seconds = coalesce(c.seconds, 0) + p_seconds
         WHERE c.access_id = p_access AND c.quota_day IS NOT DISTINCT FROM q.quota_day AND c.quota_from IS NOT DISTINCT FROM q.quota_from
           AND c.since <= p_at AND c.until > p_at;
        IF NOT FOUND THEN
            v_since := radius.quota_start(q.quota_from, q.quota_day, p_at);
            IF p_at >= v_since THEN
                -- A cycle that has not begun was begun by a wrong clock of ours: were it kept, nothing would be counted until then.
                INSERT INTO public.isp_quota_counter AS c (access_id, since, until, quota_from, quota_day, bytes, seconds)
                VALUES (p_access, v_since, radius.quota_end(q.quota_day, p_at), q.quota_from, q.quota_day, p_up + p_down, p_seconds)
                ON CONFLICT (access_id) DO UPDATE
                   SET since = excluded.since, until = excluded.until, quota_from = excluded.quota_from, quota_day = excluded.quota_day,
                       bytes = CASE WHEN c.since = excluded.since THEN c.bytes ELSE 0 END + excluded.bytes,
                       seconds = CASE WHEN c.since = excluded.since THEN coalesce(c.seconds, 0) ELSE 0 END + excluded.seconds
                 WHERE c.since <= excluded.since OR c.since > v_ahead;
            END IF;
        END IF;
    END IF;
    INSERT INTO public.isp_usage_raw (access_id, at, bytes_up, bytes_down, seconds)
    VALUES (p_access, p_at, p_up, p_down, p_seconds)
    RETURNING tableoid = 'public.isp_usage_raw_default'::regclass INTO v_default;
    IF v_default AND pg_try_advisory_xact_lock(hashtext('radius.usage_month')) THEN
        -- Nobody made this month's partition (the scheduled job is off?): the first packet does it. If others are at
        -- the table, not now.
        BEGIN
            PERFORM set_config('lock_timeout', '100ms', true);
            PERFORM radius.usage_month(p_at);
            PERFORM set_config('lock_timeout', '0', true);
        EXCEPTION WHEN lock_not_available OR deadlock_detected OR duplicate_table THEN
            PERFORM set_config('lock_timeout', '0', true);
        END;
    END IF;
END $$;

-- Keep what cannot be counted, with the raw values, for a person to look at.
CREATE OR REPLACE FUNCTION radius.quarantine(p_reason text, p_values jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.isp_acct_quarantine (received, reason, payload)
    VALUES (statement_timestamp() AT TIME ZONE 'UTC', left(p_reason, 500),
            (SELECT jsonb_object_agg(e.key, left(e.value, 1000)) FROM jsonb_each_text(p_values) e)::text);
END $$;

-- When did it happen? The router's Event-Timestamp if it is within a day of when the packet came in, else when it
-- came in. A packet that waited on disk says when it came in (p_received); its Acct-Delay-Time then holds the wait too
-- and is of no use. At most 90 days are believed.
CREATE OR REPLACE FUNCTION radius.event_time(
    p_event text, p_delay text, p_received text,
    OUT came timestamp, OUT happened timestamp, OUT wrong_clock text, OUT has_clock boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_event bigint := radius.number(p_event, 4294967295);
    v_received bigint := radius.number(p_received, 4294967295);
    v_now timestamp := statement_timestamp() AT TIME ZONE 'UTC';
BEGIN
    came := v_now - make_interval(secs => coalesce(radius.number(p_delay, 7776000), 0));
    IF v_received > 0 THEN
        happened := to_timestamp(v_received) AT TIME ZONE 'UTC';
        IF happened BETWEEN v_now - interval '90 days' AND v_now THEN
            came := happened;
        END IF;
    ELSIF came < v_now - interval '1 day' THEN
        -- A delay of days and a clock that says today: the clock is right.
        happened := to_timestamp(v_event) AT TIME ZONE 'UTC';
        IF happened BETWEEN v_now - interval '1 day' AND v_now + interval '1 day' THEN
            came := least(happened, v_now);
        END IF;
    END IF;
    happened := came;
    has_clock := false;
    IF p_event <> '' THEN
        happened := to_timestamp(coalesce(v_event, 0)) AT TIME ZONE 'UTC';
        has_clock := true;
        IF happened NOT BETWEEN came - interval '1 day' AND came + interval '1 day' THEN
            happened := came;
            has_clock := false;
            wrong_clock := left(p_event, 40);
        END IF;
    END IF;
END $$;

-- Whose session is it? By the Class we gave out, the user name, the MAC address as user name. A router that is somebody else's
-- tells about the log-ins of its hotspot only.
-- Class wins, whatever the user name is by now, but for an access that was made after the session began: numbers given out after the
-- last back-up are given out again, to others, when that is restored.
CREATE OR REPLACE FUNCTION radius.access_of(p_class integer, p_login text, p_nas text, p_began timestamp) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_access integer;
BEGIN
    v_access := coalesce((SELECT a.id FROM public.isp_access a
                           WHERE a.id = p_class AND (a.name = p_login OR a.create_date IS NULL OR a.create_date <= p_began + interval '1 minute')),
                         (SELECT a.id FROM public.isp_access a WHERE a.name = p_login),
                         (SELECT a.id FROM public.isp_access a WHERE a.mac = radius.mac(p_login) AND a.mac_login));
    IF EXISTS (SELECT 1 FROM public.isp_router r
                WHERE r.nas_ip = p_nas AND r.zone > 0 AND r.outside
                  AND NOT EXISTS (SELECT 1 FROM public.isp_access a WHERE a.id = v_access AND a.zone = r.zone)) THEN
        RETURN NULL;
    END IF;
    RETURN v_access;
END $$;

-- What a session has moved in all when its counter of 32 bits, without Gigawords, stands at p_low and the total was p_before; p_growth
-- is by how many seconds the session is longer. It has wrapped when it fell by more than half; between two packets, once.
CREATE OR REPLACE FUNCTION radius.unwrapped(p_low bigint, p_before bigint, p_growth bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_before < 2147483648 OR p_before < 4294967296 AND p_growth <= 0 THEN p_low
        WHEN p_growth < 0 THEN p_before  -- an old packet
        ELSE p_before - p_before % 4294967296 + p_low
             + CASE WHEN p_growth > 0 AND p_before % 4294967296 - p_low > 2147483648 THEN 4294967296 ELSE 0 END
    END
$$;

-- The IPv6 prefixes and addresses in a text, as PostgreSQL writes them, with spaces between them; NULL when there is none or one is wrong.
CREATE OR REPLACE FUNCTION radius.prefixes(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(DISTINCT CASE WHEN masklen(p.part::inet) = 128 THEN host(p.part::inet) ELSE network(p.part::inet)::text END, ' ')
              FROM regexp_split_to_table(left(p_text, 1000), '[ ,]+') AS p (part) WHERE position(':' IN p.part) > 0);
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- One accounting packet of a session. Counters in packets only grow, so what is booked is the difference to the
-- highest seen: retries, doubles and packets out of order add nothing. Idempotent; commits with the caller.
--
-- A session is (router, session id, user name) and a generation: routers begin their ids again after a reboot. A new
-- generation starts when a packet's session began after the last packet we have of the old one, and its counters are lower
-- (or it is a Start), or the router is known to have rebooted, or our clock says the same as the router's: one clock alone
-- may have jumped. A late packet of an earlier generation is booked there.
--
-- The Class names the access, also after it was renamed; but not one that was made after the session began: then the database was
-- restored, and the number was given out again.
--
-- Never raises because of what is in the packet: what cannot be used goes to isp_acct_quarantine and the answer is 1 all
-- the same, so that no packet blocks the queue behind it. It does raise on trouble of the database (dead-lock, full
-- disk, table locked by an upgrade): then FreeRADIUS keeps the packet on disk and sends it again.
--
-- `p_ip` is the IPv4 address, or that and after a space the IPv6 prefixes and addresses, with spaces or commas between them.
CREATE OR REPLACE FUNCTION radius.acct(
    p_kind text, p_session text, p_login text, p_class text, p_nas text, p_port text, p_ip text, p_mac text,
    p_called text, p_event text, p_delay text, p_received text, p_seconds text, p_in text, p_in_giga text, p_out text,
    p_out_giga text, p_cause text
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_gap CONSTANT interval := '60 seconds';
    c_day CONSTANT interval := '1 day';
    v_kind text := CASE lower(p_kind) WHEN 'alive' THEN 'interim-update' WHEN 'interim' THEN 'interim-update'
                   ELSE lower(p_kind) END;
    v_nas text := radius.label(p_nas);
    v_session text := radius.label(p_session);
    v_login text := coalesce(radius.label(p_login), '');
    v_mac text;
    v_ip text := radius.label(split_part(p_ip, ' ', 1));
    v_ipv6 text := CASE WHEN position(':' IN p_ip) > 0 THEN radius.prefixes(p_ip) END;
    v_seconds bigint := radius.number(p_seconds, 315360000);
    v_up bigint := radius.number(p_in, 4294967295);
    v_up_giga bigint := radius.number(p_in_giga, 65535);
    v_down bigint := radius.number(p_out, 4294967295);
    v_down_giga bigint := radius.number(p_out_giga, 65535);
    v_timed boolean := coalesce(p_seconds, '') <> '';  -- else nobody knows when the session began: only a Start, or a reboot that was told, begins a generation
    v_narrow boolean := coalesce(p_in_giga, '') = '' AND coalesce(p_out_giga, '') = '';  -- 32 bits, which wrap
    v_event bigint := radius.number(p_event, 4294967295);
    v_problem text;
    t record;
    v_came timestamp := statement_timestamp() AT TIME ZONE 'UTC';
    v_ahead timestamp := v_came + c_day;  -- what lies behind it, a wrong clock of ours has written
    v_happened timestamp;
    v_wrong_clock text;
    v_slack interval := '0';
    v_key text;
    v_began timestamp;
    v_generation integer := 0;
    v_access integer;
    v_use integer;
    v_new boolean := false;
    o public.isp_session%ROWTYPE;
    d_up bigint;
    d_down bigint;
    d_seconds bigint;
BEGIN
    v_problem := CASE
        WHEN v_kind IS NULL OR v_kind NOT IN ('start', 'interim-update', 'stop') THEN 'Unknown Acct-Status-Type'
        WHEN v_session IS NULL THEN 'No Acct-Session-Id'
        WHEN v_nas IS NULL THEN 'No NAS-IP-Address'
        WHEN v_seconds IS NULL THEN 'Acct-Session-Time is not a usable number'
        WHEN v_up IS NULL OR v_up_giga IS NULL THEN 'Input octets are not a usable number'
        WHEN v_down IS NULL OR v_down_giga IS NULL THEN 'Output octets are not a usable number'
    END;
    IF v_problem IS NULL THEN
    BEGIN
        v_up := v_up + v_up_giga * 4294967296;
        v_down := v_down + v_down_giga * 4294967296;
        v_key := md5(concat_ws(chr(10), v_nas, v_session, v_login));
        v_happened := to_timestamp(v_event) AT TIME ZONE 'UTC';
        IF coalesce(p_received, '') <> '' OR coalesce(p_delay, '0') NOT IN ('', '0') OR v_event IS NULL OR v_event = 0
           OR v_happened NOT BETWEEN v_came - c_day AND v_came + c_day THEN  -- not straight from a router with a right clock
            t := radius.event_time(p_event, p_delay, p_received);
            v_came := t.came; v_happened := t.happened; v_wrong_clock := t.wrong_clock;
            IF NOT t.has_clock THEN
                -- Without the router's clock a repeated packet carries the time of its repetition.
                v_slack := '30 seconds';
            END IF;
        END IF;
        v_began := v_happened - v_seconds * interval '1 second';

        IF v_kind <> 'start' THEN
            -- The common case in one statement: the session goes on, or ends. What the packet added is kept in the row,
            -- which is how an UPDATE can tell the difference to what stood there.
            UPDATE public.isp_session s
               SET updated = CASE WHEN s.updated > v_ahead THEN v_came ELSE greatest(s.updated, v_came) END,
                   last_event = CASE WHEN s.updated > v_ahead THEN v_happened ELSE greatest(s.last_event, v_happened) END,
                   stopped = CASE WHEN v_kind = 'stop' AND (s.stopped IS NULL OR s.presumed) THEN v_happened
                                  WHEN v_kind <> 'stop' AND s.presumed AND v_happened > s.stopped THEN NULL  -- it goes on
                                  ELSE s.stopped END,
                   cause = CASE WHEN v_kind = 'stop' AND (s.stopped IS NULL OR s.presumed) THEN radius.label(p_cause)
                                WHEN v_kind <> 'stop' AND s.presumed AND v_happened > s.stopped THEN NULL
                                ELSE s.cause END,
                   presumed = s.presumed AND v_kind <> 'stop' AND v_happened <= s.stopped,
                   framed_ip = coalesce(v_ip, s.framed_ip),
                   framed_ipv6 = coalesce(v_ipv6, s.framed_ipv6),
                   mac = coalesce(s.mac, radius.mac(p_mac)),
                   seconds = greatest(s.seconds, v_seconds),
                   bytes_up = greatest(s.bytes_up, CASE WHEN v_narrow THEN radius.unwrapped(v_up, s.bytes_up, v_seconds - s.seconds) ELSE v_up END),
                   bytes_down = greatest(s.bytes_down, CASE WHEN v_narrow THEN radius.unwrapped(v_down, s.bytes_down, v_seconds - s.seconds) ELSE v_down END),
                   added_up = greatest(CASE WHEN v_narrow THEN radius.unwrapped(v_up, s.bytes_up, v_seconds - s.seconds) ELSE v_up END - s.bytes_up, 0),
                   added_down = greatest(CASE WHEN v_narrow THEN radius.unwrapped(v_down, s.bytes_down, v_seconds - s.seconds) ELSE v_down END - s.bytes_down, 0),
                   added_seconds = greatest(v_seconds - s.seconds, 0),
                   wrong_clock = coalesce(v_wrong_clock, s.wrong_clock)
             WHERE s.session_key = v_key AND s.access_id IS NOT NULL AND s.superseded IS NOT TRUE
               AND NOT (v_began > s.last_event + v_slack
                        AND (v_timed AND (v_seconds < s.seconds OR v_up < s.bytes_up OR v_down < s.bytes_down)
                             OR s.presumed AND s.cause = 'NAS-Reboot' AND (v_timed OR v_happened > s.stopped)
                             OR v_timed AND v_slack = '0' AND v_came - v_seconds * interval '1 second' > s.updated + c_gap))
               AND (s.generation = 0 OR v_began >= s.started - c_gap)
            RETURNING s.access_id, s.added_up, s.added_down, s.added_seconds INTO v_access, d_up, d_down, d_seconds;
            IF FOUND THEN
                IF d_up + d_down + d_seconds > 0 THEN
                    PERFORM radius.book(v_access, v_happened, d_up, d_down, d_seconds);
                END IF;
                RETURN 1;
            END IF;
            SELECT * INTO o FROM public.isp_session s
             WHERE s.session_key = v_key ORDER BY s.generation DESC LIMIT 1 FOR UPDATE;
            v_new := NOT FOUND;
        ELSE
            v_new := true;  -- most probably; the insert below finds out
        END IF;

        v_mac := radius.mac(p_mac);
        FOR v_try IN 1..2 LOOP
            IF v_new THEN
                INSERT INTO public.isp_session AS s (
                    session_key, generation, access_id, router_id, user_name, session_id, nas_ip, nas_port, framed_ip, framed_ipv6, mac,
                    called, started, updated, last_event, stopped, presumed, cause, seconds, bytes_up, bytes_down,
                    added_up, added_down, added_seconds, superseded, wrong_clock
                ) VALUES (
                    v_key, v_generation, radius.access_of(radius.class_id(p_class), p_login, v_nas, v_came - v_seconds * interval '1 second'),
                    (SELECT r.id FROM public.isp_router r WHERE r.nas_ip = v_nas),
                    v_login, v_session, v_nas, radius.label(p_port), v_ip, v_ipv6, v_mac, radius.label(p_called), v_began, v_came,
                    v_happened, CASE WHEN v_kind = 'stop' THEN v_happened END, false,
                    CASE WHEN v_kind = 'stop' THEN radius.label(p_cause) END, v_seconds, v_up, v_down,
                    v_up, v_down, v_seconds, false, v_wrong_clock
                ) ON CONFLICT (session_key, generation) DO NOTHING
                RETURNING s.access_id, (SELECT a.use_seconds FROM public.isp_access a WHERE a.id = s.access_id) INTO v_access, v_use;
                IF FOUND THEN
                    IF v_use > 0 THEN  -- in case nobody told that it was let in
                        INSERT INTO public.isp_access_use (access_id, first_at, mac, nas_ip) VALUES (v_access, v_began, v_mac, v_nas)
                        ON CONFLICT (access_id) DO NOTHING;
                    END IF;
                    d_up := v_up; d_down := v_down; d_seconds := v_seconds;
                    EXIT;
                END IF;
                -- It is known: a repeated Start, or another thread was faster with this very session.
                v_new := false;
                SELECT * INTO o FROM public.isp_session s
                 WHERE s.session_key = v_key ORDER BY s.generation DESC LIMIT 1 FOR UPDATE;
            END IF;
            IF v_try = 1 AND v_began > o.last_event + v_slack
               AND (v_kind = 'start' OR v_timed AND (v_seconds < o.seconds OR v_up < o.bytes_up OR v_down < o.bytes_down)
                    OR o.presumed AND o.cause = 'NAS-Reboot' AND (v_timed OR v_happened > o.stopped)
                    OR v_timed AND v_slack = '0' AND v_came - v_seconds * interval '1 second' > o.updated + c_gap) THEN
                -- The router began its ids again.
                v_new := true;
                v_generation := o.generation + 1;
                UPDATE public.isp_session s SET superseded = true WHERE s.session_key = v_key AND s.superseded IS NOT TRUE;
                CONTINUE;
            ELSIF o.generation > 0 AND v_began < o.started - c_gap THEN
                v_generation := o.generation;
                SELECT * INTO o FROM public.isp_session s
                 WHERE s.session_key = v_key AND s.generation < v_generation AND s.started <= v_began + c_gap
                 ORDER BY s.generation DESC LIMIT 1 FOR UPDATE;
                IF NOT FOUND THEN
                    SELECT * INTO o FROM public.isp_session s
                     WHERE s.session_key = v_key ORDER BY s.generation LIMIT 1 FOR UPDATE;
                END IF;
            END IF;
            EXIT;
        END LOOP;

        IF NOT v_new THEN
            v_access := o.access_id;
            IF v_narrow THEN
                v_up := radius.unwrapped(v_up, o.bytes_up, v_seconds - o.seconds);
                v_down := radius.unwrapped(v_down, o.bytes_down, v_seconds - o.seconds);
            END IF;
            IF v_access IS NULL THEN  -- unknown until now: nothing of it has been booked
                v_access := radius.access_of(radius.class_id(p_class), p_login, v_nas, v_came - v_seconds * interval '1 second');
                d_up := greatest(v_up, o.bytes_up);
                d_down := greatest(v_down, o.bytes_down);
                d_seconds := greatest(v_seconds, o.seconds);
            ELSE
                d_up := greatest(v_up - o.bytes_up, 0);
                d_down := greatest(v_down - o.bytes_down, 0);
                d_seconds := greatest(v_seconds - o.seconds, 0);
            END IF;
            IF v_kind = 'stop' THEN
                IF o.stopped IS NULL OR o.presumed THEN
                    o.stopped := v_happened;
                    o.cause := radius.label(p_cause);
                    o.presumed := false;
                END IF;
            ELSIF o.presumed AND v_happened > o.stopped THEN  -- we thought it was over, and it goes on
                o.stopped := NULL;
                o.cause := NULL;
                o.presumed := false;
            END IF;
            UPDATE public.isp_session s
               SET access_id = v_access,
                   started = least(s.started, CASE WHEN v_kind = 'start' THEN v_happened ELSE s.started END),
                   updated = CASE WHEN s.updated > v_ahead THEN v_came ELSE greatest(s.updated, v_came) END,
                   last_event = CASE WHEN s.updated > v_ahead THEN v_happened ELSE greatest(s.last_event, v_happened) END,
                   stopped = o.stopped, cause = o.cause, presumed = o.presumed,
                   framed_ip = coalesce(v_ip, s.framed_ip),
                   framed_ipv6 = coalesce(v_ipv6, s.framed_ipv6),
                   mac = coalesce(s.mac, v_mac),
                   seconds = greatest(s.seconds, v_seconds),
                   bytes_up = greatest(s.bytes_up, v_up),
                   bytes_down = greatest(s.bytes_down, v_down),
                   added_up = d_up, added_down = d_down, added_seconds = d_seconds,
                   wrong_clock = coalesce(v_wrong_clock, s.wrong_clock)
             WHERE s.id = o.id;
        END IF;

        IF v_access IS NOT NULL AND d_up + d_down + d_seconds > 0 THEN
            PERFORM radius.book(v_access, v_happened, d_up, d_down, d_seconds);
        END IF;
        RETURN 1;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
        v_problem := SQLERRM;
    END;
    END IF;

    PERFORM radius.quarantine(v_problem, jsonb_build_object(
        'Acct-Status-Type', p_kind, 'Acct-Session-Id', p_session, 'User-Name', p_login, 'Class', p_class,
        'NAS-IP-Address', p_nas, 'NAS-Port-Id', p_port, 'Framed-IP-Address', p_ip, 'Calling-Station-Id', p_mac,
        'Called-Station-Id', p_called, 'Event-Timestamp', p_event, 'Acct-Delay-Time', p_delay,
        'Packet-Original-Timestamp', p_received, 'Acct-Session-Time', p_seconds, 'Acct-Input-Octets', p_in, 'Acct-Input-Gigawords', p_in_giga,
        'Acct-Output-Octets', p_out, 'Acct-Output-Gigawords', p_out_giga, 'Acct-Terminate-Cause', p_cause));
    RETURN 1;
END $$;

-- A router says it starts or stops: none of its sessions that began before is alive.
CREATE OR REPLACE FUNCTION radius.acct_nas(p_nas text, p_event text, p_delay text, p_received text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t record;
BEGIN
    t := radius.event_time(p_event, p_delay, p_received);
    UPDATE public.isp_session s
       SET stopped = t.happened, cause = 'NAS-Reboot', presumed = true
     WHERE s.nas_ip = radius.label(p_nas) AND s.stopped IS NULL AND s.started <= t.happened;
    RETURN 1;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
    PERFORM radius.quarantine(SQLERRM, jsonb_build_object(
        'Acct-Status-Type', 'Accounting-On', 'NAS-IP-Address', p_nas, 'Event-Timestamp', p_event, 'Acct-Delay-Time', p_delay,
        'Packet-Original-Timestamp', p_received));
    RETURN 1;
END $$;
