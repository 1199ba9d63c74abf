-- What FreeRADIUS may ask and tell. Applied at every install and upgrade of isp_network (models/isp_radius.py).
--
-- Public functions (the RADIUS role may execute these and nothing else of ours):
--   radius.auth(login, nas, mac)    the whole answer to a log-in
--   radius.authz(login, nas, mac)   its check rows:  Cleartext-Password, or Auth-Type := Reject
--   radius.authr(login, nas, mac)   its reply rows:  what goes into the Access-Accept, or Reply-Message of a reject
--   radius.acct(…)                  one Start, Interim-Update or Stop; idempotent; answers 1
--   radius.acct_nas(…)              Accounting-On/-Off of a router; answers 1
--   radius.nas(ip)                  secret of a router that FreeRADIUS does not know yet
--
-- Rules for this file
--   * Bodies are strings (plpgsql), so PostgreSQL does not block an ALTER TABLE of an Odoo upgrade as it does for views.
--   * plpgsql, not SQL language: plans are kept for the life of a connection.
--   * Tables are named with their schema and the search path is pinned: nobody's temporary table can slip in.
--   * Times are UTC without zone, as in Odoo. `statement_timestamp()`: the moment of the question.
--   * Nothing here writes a row that Odoo writes. Odoo works in REPEATABLE READ: such a write would make
--     its transactions fail with "could not serialize access".

CREATE SCHEMA IF NOT EXISTS radius;

-- ---------------------------------------------------------------- small helpers

-- Seconds between interim packets: 300 with a jitter of 10 %, always the same for one access.
CREATE OR REPLACE FUNCTION radius.interim(p_access integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT 270 + ((p_access::bigint * 37) % 61)::integer $$;

-- AA:BB:CC:DD:EE:FF from any of the usual spellings, else NULL.
CREATE OR REPLACE FUNCTION radius.mac(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_hex text;
BEGIN
    IF p_text IS NULL OR length(p_text) > 40 THEN
        RETURN NULL;
    END IF;
    v_hex := upper(translate(p_text, ':.-', ''));
    IF length(v_hex) <> 12 OR translate(v_hex, '0123456789ABCDEF', '') <> '' THEN
        RETURN NULL;
    END IF;
    RETURN concat_ws(':', substr(v_hex, 1, 2), substr(v_hex, 3, 2), substr(v_hex, 5, 2), substr(v_hex, 7, 2),
                     substr(v_hex, 9, 2), substr(v_hex, 11, 2));
END $$;

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

-- Since when the data of a quota counts: the last start of a cycle (midnight in Juba on the cycle's day,
-- the last day of shorter months), not before p_from. No cycle: p_from.
CREATE OR REPLACE FUNCTION radius.quota_start(p_from timestamp, p_day integer, p_at timestamp) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_local timestamp := p_at + interval '2 hours';  -- Africa/Juba is UTC+2 all year
    v_month timestamp := date_trunc('month', v_local);
    v_start timestamp;
BEGIN
    IF p_day IS NULL OR p_day NOT BETWEEN 1 AND 31 THEN
        RETURN coalesce(p_from, '-infinity');
    END IF;
    v_start := least(v_month + make_interval(days => p_day - 1), v_month + interval '1 month' - interval '1 day');
    IF v_start > v_local THEN
        v_start := least(v_month - interval '1 month' + make_interval(days => p_day - 1), v_month - interval '1 day');
    END IF;
    RETURN greatest(v_start - interval '2 hours', coalesce(p_from, '-infinity'));
END $$;

-- ---------------------------------------------------------------- what is the answer for this log-in?

-- One place for the rules. No row of isp_access: access_id is NULL.
--   verdict   accept | wall (accepted into the walled garden) | reject
--   reason    closed | devices | suspended | expired | quota, with its text in message
--   data_left bytes of the quota left, NULL without a quota
-- p_count: false leaves the device limit out.
CREATE OR REPLACE FUNCTION radius.verdict(
    p_login text, p_mac text, p_count boolean,
    OUT access_id integer, OUT password text, OUT verdict text, OUT reason text, OUT message text,
    OUT rate text, OUT static_ip text, OUT session_timeout integer, OUT data_left bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_now timestamp := statement_timestamp() AT TIME ZONE 'UTC';
    v_mac text := radius.mac(p_mac);
    v_devices integer;
    a record;
BEGIN
    -- One statement for the common case.
    SELECT x.id, x.password, x.state, x.valid_until, x.quota_bytes, x.quota_from, x.quota_day,
           x.device_limit, x.static_ip, p.rate_limit, c.since, c.bytes,
           -- Sessions of other devices that still report. Not counted: the same device dialling again (its old session
           -- may stand open after a power cut), and sessions that missed two interim packets.
           CASE WHEN p_count AND x.device_limit > 0 THEN
               (SELECT count(*) FROM public.isp_session s
                 WHERE s.access_id = x.id AND s.stopped IS NULL
                   AND s.updated > v_now - (2 * radius.interim(x.id) + 60) * interval '1 second'
                   AND (v_mac IS NULL OR s.mac IS DISTINCT FROM v_mac))
           END AS others
      INTO a
      FROM public.isp_access x
      LEFT JOIN public.isp_plan p ON p.id = x.plan_id
      LEFT JOIN public.isp_quota_counter c ON c.access_id = x.id AND x.quota_bytes > 0
     WHERE x.name = p_login;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    access_id := a.id;
    password := a.password;
    static_ip := nullif(a.static_ip, '');

    IF a.state IS DISTINCT FROM 'allowed' AND a.state IS DISTINCT FROM 'walled' THEN
        verdict := 'reject'; reason := 'closed'; message := 'This account is closed';
        RETURN;
    END IF;

    IF a.others >= a.device_limit THEN
        -- A device may have several sessions; then it counts once.
        SELECT count(DISTINCT coalesce(s.mac, s.id::text)) INTO v_devices
          FROM public.isp_session s
         WHERE s.access_id = a.id AND s.stopped IS NULL
           AND s.updated > v_now - (2 * radius.interim(a.id) + 60) * interval '1 second'
           AND (v_mac IS NULL OR s.mac IS DISTINCT FROM v_mac);
        IF v_devices >= a.device_limit THEN
            verdict := 'reject'; reason := 'devices'; message := 'Too many devices are logged in';
            RETURN;
        END IF;
    END IF;

    verdict := 'accept';
    IF a.state = 'walled' THEN
        verdict := 'wall'; reason := 'suspended'; message := 'Suspended';
    ELSIF a.valid_until <= v_now THEN
        verdict := 'wall'; reason := 'expired'; message := 'Expired';
    ELSIF a.quota_bytes > 0 THEN
        data_left := a.quota_bytes;
        IF a.since = radius.quota_start(a.quota_from, a.quota_day, v_now) THEN
            data_left := greatest(a.quota_bytes - a.bytes, 0);
        END IF;
        IF data_left = 0 THEN
            verdict := 'wall'; reason := 'quota'; message := 'Data used up';
        END IF;
    END IF;

    IF verdict = 'wall' THEN
        data_left := NULL;
        SELECT g.value INTO rate FROM public.ir_config_parameter g WHERE g.key = 'isp_network.walled_rate';
        IF rate IS NULL OR rate !~ '^[0-9]+[kM]?(/[0-9]+[kM]?)?$' THEN
            rate := '128k/256k';
        END IF;
        session_timeout := 900;  -- asked again even if no Disconnect can reach the router after the payment
    ELSE
        rate := nullif(a.rate_limit, '');
        IF a.valid_until IS NOT NULL THEN
            session_timeout := least(greatest(ceil(extract(epoch FROM a.valid_until - v_now)), 1), 86400);
        END IF;
    END IF;
END $$;

-- ---------------------------------------------------------------- authentication

-- All of an answer in one question: what FreeRADIUS asks. It takes the rows as check items and moves the
-- attributes of the answer into the reply (config/freeradius/sites/main).
CREATE OR REPLACE FUNCTION radius.auth(p_login text, p_nas text DEFAULT NULL, p_mac text DEFAULT NULL)
RETURNS TABLE (id integer, username text, attribute text, value text, op text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v record;
BEGIN
    v := radius.verdict(p_login, p_mac, true);
    IF v.access_id IS NULL THEN
        RETURN;
    END IF;
    id := v.access_id; username := p_login; op := ':=';
    IF v.message IS NOT NULL THEN
        attribute := 'Reply-Message'; value := v.message; RETURN NEXT;
    END IF;
    IF v.verdict = 'reject' THEN
        attribute := 'Auth-Type'; value := 'Reject'; RETURN NEXT;
        RETURN;
    END IF;
    IF v.password <> '' THEN
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
        attribute := 'Mikrotik-Address-List'; value := 'isp-suspended'; RETURN NEXT;
    END IF;
    IF v.session_timeout IS NOT NULL THEN
        attribute := 'Session-Timeout'; value := v.session_timeout; RETURN NEXT;
    END IF;
    IF v.static_ip IS NOT NULL THEN
        attribute := 'Framed-IP-Address'; value := v.static_ip; RETURN NEXT;
    END IF;
    IF v.data_left IS NOT NULL THEN
        attribute := 'Mikrotik-Total-Limit'; value := v.data_left % 4294967296; RETURN NEXT;
        attribute := 'Mikrotik-Total-Limit-Gigawords'; value := v.data_left / 4294967296; RETURN NEXT;
    END IF;
END $$;

-- The two halves of it, for servers and people who want them apart.
CREATE OR REPLACE FUNCTION radius.authz(p_login text, p_nas text DEFAULT NULL, p_mac text DEFAULT NULL)
RETURNS TABLE (id integer, username text, attribute text, value text, op text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM radius.auth(p_login, p_nas, p_mac) r WHERE r.attribute IN ('Cleartext-Password', 'Auth-Type');
END $$;

CREATE OR REPLACE FUNCTION radius.authr(p_login text, p_nas text DEFAULT NULL, p_mac text DEFAULT NULL)
RETURNS TABLE (id integer, username text, attribute text, value text, op text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM radius.auth(p_login, p_nas, p_mac) r WHERE r.attribute NOT IN ('Cleartext-Password', 'Auth-Type');
END $$;

CREATE OR REPLACE FUNCTION radius.nas(p_ip text)
RETURNS TABLE (shortname text, secret text, require_message_auth text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT 'router-' || r.id, r.radius_secret::text, CASE WHEN r.require_message_auth THEN 'yes' ELSE 'no' END
          FROM public.isp_router r
         WHERE r.nas_ip = p_ip AND r.active AND r.radius_secret <> '';
END $$;

-- ---------------------------------------------------------------- accounting

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

-- One accounting packet of a session. Counters in packets only grow, so what is booked is the difference to the
-- highest seen: retries, doubles and packets out of order add nothing. Idempotent; commits with the caller.
--
-- A session is (router, session id, user name) and a generation: routers begin their ids again after a reboot. A new
-- generation starts when a packet's session began after the last packet we have of the old one, and its counters
-- are lower (or it is a Start). A late packet of an earlier generation is booked there.
--
-- Never raises because of what is in the packet: what cannot be used goes to isp_acct_quarantine and the answer is 1 all
-- the same, so that no packet blocks the queue behind it. It does raise on trouble of the database (dead-lock, full
-- disk, table locked by an upgrade): then FreeRADIUS keeps the packet on disk and sends it again.
CREATE OR REPLACE FUNCTION radius.acct(
    p_kind text, p_session text, p_login text, p_class text, p_nas text, p_port text, p_ip text, p_mac text,
    p_called text, p_event text, p_delay text, p_received text, p_seconds text, p_in text, p_in_giga text, p_out text,
    p_out_giga text, p_cause text
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_gap CONSTANT interval := '60 seconds';
    v_kind text := CASE lower(p_kind) WHEN 'alive' THEN 'interim-update' WHEN 'interim' THEN 'interim-update'
                   ELSE lower(p_kind) END;
    v_nas text := radius.label(p_nas);
    v_session text := radius.label(p_session);
    v_login text := coalesce(radius.label(p_login), '');
    v_mac text := radius.mac(p_mac);
    v_ip text := radius.label(p_ip);
    v_seconds bigint := radius.number(p_seconds, 315360000);
    v_up bigint := radius.number(p_in, 4294967295);
    v_up_giga bigint := radius.number(p_in_giga, 65535);
    v_down bigint := radius.number(p_out, 4294967295);
    v_down_giga bigint := radius.number(p_out_giga, 65535);
    v_problem text;
    t record;
    v_key text;
    v_began timestamp;
    v_slack interval;
    v_generation integer := 0;
    v_access integer;
    v_new boolean := false;
    o public.isp_session%ROWTYPE;
    d_up bigint;
    d_down bigint;
    d_seconds bigint;
    q record;
    v_since timestamp;
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
        t := radius.event_time(p_event, p_delay, p_received);
        v_began := t.happened - make_interval(secs => v_seconds);
        -- Without the router's clock a repeated packet carries the time of its repetition.
        v_slack := CASE WHEN t.has_clock THEN interval '0' ELSE interval '30 seconds' END;
        v_key := md5(concat_ws(chr(10), v_nas, v_session, v_login));

        SELECT * INTO o FROM public.isp_session s
         WHERE s.session_key = v_key ORDER BY s.generation DESC LIMIT 1 FOR UPDATE;
        IF NOT FOUND THEN
            v_new := true;
        ELSIF v_began > o.last_event + v_slack
              AND (v_kind = 'start' OR v_seconds < o.seconds OR v_up < o.bytes_up OR v_down < o.bytes_down) THEN
            v_new := true;
            v_generation := o.generation + 1;
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

        v_access := CASE WHEN v_new THEN NULL ELSE o.access_id END;
        IF v_access IS NULL THEN
            v_access := radius.class_id(p_class);
            IF v_access IS NOT NULL THEN
                SELECT a.id INTO v_access FROM public.isp_access a WHERE a.id = v_access;
            END IF;
            IF v_access IS NULL THEN
                SELECT a.id INTO v_access FROM public.isp_access a WHERE a.name = p_login;
            END IF;
        END IF;

        IF v_new THEN
            INSERT INTO public.isp_session AS s (
                session_key, generation, access_id, router_id, user_name, session_id, nas_ip, nas_port, framed_ip, mac,
                called, started, updated, last_event, stopped, presumed, cause, seconds, bytes_up, bytes_down, wrong_clock
            ) VALUES (
                v_key, v_generation, v_access,
                (SELECT r.id FROM public.isp_router r WHERE r.nas_ip = v_nas ORDER BY r.active DESC, r.id LIMIT 1),
                v_login, v_session, v_nas, radius.label(p_port), v_ip, v_mac, radius.label(p_called), v_began, t.came,
                t.happened, CASE WHEN v_kind = 'stop' THEN t.happened END, false,
                CASE WHEN v_kind = 'stop' THEN radius.label(p_cause) END, v_seconds, v_up, v_down, t.wrong_clock
            ) ON CONFLICT (session_key, generation) DO NOTHING;
            IF FOUND THEN
                d_up := v_up; d_down := v_down; d_seconds := v_seconds;
            ELSE  -- another thread was faster with this very session
                v_new := false;
                SELECT * INTO o FROM public.isp_session s
                 WHERE s.session_key = v_key AND s.generation = v_generation FOR UPDATE;
            END IF;
        END IF;

        IF NOT v_new THEN
            IF o.access_id IS NULL THEN  -- unknown until now: nothing of it has been booked
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
                    o.stopped := t.happened;
                    o.cause := radius.label(p_cause);
                    o.presumed := false;
                END IF;
            ELSIF o.presumed AND t.happened > o.stopped THEN  -- we thought it was over, and it goes on
                o.stopped := NULL;
                o.cause := NULL;
                o.presumed := false;
            END IF;
            UPDATE public.isp_session s
               SET access_id = v_access,
                   started = least(s.started, CASE WHEN v_kind = 'start' THEN t.happened ELSE s.started END),
                   updated = greatest(s.updated, t.came),
                   last_event = greatest(s.last_event, t.happened),
                   stopped = o.stopped, cause = o.cause, presumed = o.presumed,
                   framed_ip = coalesce(v_ip, s.framed_ip),
                   mac = coalesce(s.mac, v_mac),
                   seconds = greatest(s.seconds, v_seconds),
                   bytes_up = greatest(s.bytes_up, v_up),
                   bytes_down = greatest(s.bytes_down, v_down),
                   wrong_clock = coalesce(t.wrong_clock, s.wrong_clock)
             WHERE s.id = o.id;
        END IF;

        IF v_access IS NOT NULL AND d_up + d_down + d_seconds > 0 THEN
            INSERT INTO public.isp_usage AS u (access_id, hour, bytes_up, bytes_down, seconds)
            VALUES (v_access, date_trunc('hour', t.happened), d_up, d_down, d_seconds)
            ON CONFLICT (access_id, hour) DO UPDATE
               SET bytes_up = u.bytes_up + excluded.bytes_up,
                   bytes_down = u.bytes_down + excluded.bytes_down,
                   seconds = u.seconds + excluded.seconds;
            IF d_up + d_down > 0 THEN
                SELECT a.quota_bytes, a.quota_from, a.quota_day INTO q FROM public.isp_access a WHERE a.id = v_access;
                IF q.quota_bytes > 0 THEN
                    v_since := radius.quota_start(q.quota_from, q.quota_day, t.happened);
                    IF t.happened >= v_since THEN
                        INSERT INTO public.isp_quota_counter AS c (access_id, since, bytes)
                        VALUES (v_access, v_since, d_up + d_down)
                        ON CONFLICT (access_id) DO UPDATE
                           SET since = greatest(c.since, excluded.since),
                               bytes = CASE WHEN c.since = excluded.since THEN c.bytes + excluded.bytes
                                            WHEN c.since < excluded.since THEN excluded.bytes
                                            ELSE c.bytes END;
                    END IF;
                END IF;
            END IF;
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
