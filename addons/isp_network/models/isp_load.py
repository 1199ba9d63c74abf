# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class IspLoad(models.AbstractModel):
    """Map of load: what went over each router, or in each town, in the last hours; from the hourly counters."""

    _name = "isp.load"
    _description = "Map of load"

    @api.model
    def tiles(self, by="router", hours=24):
        """:param by: "router" (where the line was on line last, else where it ends) or "city" (of the customer's address; without one its payam or county)
        :param hours: how many back, 1 to 168
        :return: {hours: [moments], tiles: [{key, name, online, down_bps, up_bps, bytes: [a number an hour], peak_bps, latitude, longitude}]}, the busiest first;
            speeds are from what routers reported last, None where nothing was yet
        """
        if by not in ("router", "city") or not isinstance(hours, int) or not 1 <= hours <= 168:
            raise UserError(self.env._("By router or by town, and 1 to 168 hours."))
        for model in ("isp.usage", "isp.session", "isp.router"):
            self.env[model].check_access("read")
        end = fields.Datetime.now().replace(minute=0, second=0, microsecond=0)
        start = end - timedelta(hours=hours - 1)
        place = (
            SQL("coalesce(l.router_id, b.router_id)::text")
            if by == "router"
            else SQL("coalesce(nullif(trim(c.city), ''), nullif(trim(c.isp_payam), ''), nullif(trim(c.isp_county), ''))")
        )
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                WITH used AS MATERIALIZED (
                    SELECT u.access_id, u.hour, u.bytes_up + u.bytes_down AS bytes FROM isp_usage u WHERE u.hour >= %(start)s
                ), live AS MATERIALIZED (
                    SELECT o.access_id, o.added_up, o.added_down, o.added_seconds FROM isp_session o WHERE o.stopped IS NULL AND o.updated > %(alive)s
                ), line AS (
                    SELECT a.id, l.router_id, a.subscription_id
                      FROM (SELECT access_id FROM used UNION SELECT access_id FROM live) w JOIN isp_access a ON a.id = w.access_id
                      LEFT JOIN LATERAL (SELECT s.router_id FROM isp_session s WHERE s.access_id = a.id ORDER BY s.started DESC, s.id DESC LIMIT 1) l ON true
                     WHERE a.company_id = ANY(%(companies)s)
                ), placed AS (
                    SELECT l.id, coalesce(%(place)s, '') AS place, c.partner_latitude AS lat, c.partner_longitude AS lon
                      FROM line l LEFT JOIN isp_subscription b ON b.id = l.subscription_id LEFT JOIN res_partner c ON c.id = b.partner_id
                ), hour AS (
                    SELECT p.place, u.hour, sum(u.bytes) AS bytes FROM used u JOIN placed p ON p.id = u.access_id GROUP BY p.place, u.hour
                ), now AS (
                    SELECT p.place, count(*) AS online, sum(s.added_up * 8 / nullif(s.added_seconds, 0)) AS up, sum(s.added_down * 8 / nullif(s.added_seconds, 0)) AS down
                      FROM live s JOIN placed p ON p.id = s.access_id GROUP BY p.place
                ), middle AS (
                    SELECT place, avg(lat) FILTER (WHERE lat <> 0 OR lon <> 0) AS lat, avg(lon) FILTER (WHERE lat <> 0 OR lon <> 0) AS lon FROM placed GROUP BY place
                ), bars AS (
                    SELECT place, json_object_agg(to_char(hour, 'YYYY-MM-DD HH24:MI:SS'), bytes) AS bytes FROM hour GROUP BY place
                )
                SELECT m.place, m.lat, m.lon, n.online, n.up, n.down, h.bytes
                  FROM middle m LEFT JOIN now n ON n.place = m.place LEFT JOIN bars h ON h.place = m.place
                """,
                companies=self.env.companies.ids,
                start=start,
                alive=fields.Datetime.now() - timedelta(seconds=720),
                place=place,
            )
        )
        moments = [fields.Datetime.to_string(start + timedelta(hours=n)) for n in range(hours)]
        names = {str(router.id): router.name for router in self.env["isp.router"].with_context(active_test=False).search([])} if by == "router" else {}
        unknown = self.env._("No router known") if by == "router" else self.env._("No town given")
        tiles = []
        for key, latitude, longitude, online, up, down, found in rows:
            sums = [int((found or {}).get(moment, 0)) for moment in moments]
            tiles.append(
                {
                    "key": key,
                    "name": names.get(key) or (key if by == "city" and key else unknown),
                    "online": online or 0,
                    "up_bps": None if up is None else int(up),
                    "down_bps": None if down is None else int(down),
                    "bytes": sums,
                    "total": sum(sums),
                    "peak_bps": max(sums) * 8 // 3600,
                    "latitude": latitude,
                    "longitude": longitude,
                }
            )
        tiles.sort(key=lambda tile: (-tile["total"], tile["name"]))
        return {"hours": moments, "tiles": tiles}
