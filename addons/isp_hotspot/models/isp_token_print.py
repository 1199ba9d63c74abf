# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import contextlib
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.report_weasyprint.tools import InsideFetcher, Sheet, print_cards

PAPERS = [("a4_30", "A4, 30 on a sheet"), ("a4_50", "A4, 50 on a sheet"), ("slip", "Slips of 80 mm")]
SHEETS = {"a4_30": Sheet(3, 10), "a4_50": Sheet(5, 10), "slip": None}
#: Characters of a QR code whose modules are still a third of a millimetre on that card: cheap cameras read them, cheap printers print them
#: (ISO/IEC 18004 table 7, level M: 251 in 61 modules, 106 in 41; four light ones around). On slips any address fits.
QR_MOST = {"a4_30": 251, "a4_50": 106, "slip": 1000}
#: Up to so many are printed while the form waits; more by a job, so many in one file.
IN_REQUEST, IN_FILE = 1500, 12_000
#: Read at once, and told as progress.
_STEP = 500
#: The files hold codes: they are not kept. A batch can be printed again.
KEEP = timedelta(days=7)


class IspTokenPrint(models.Model):
    """A file to print: the tokens of a batch from a number to another, on a paper, in a language.

    The card is set once by WeasyPrint; code and QR are stamped on it (``report_weasyprint.tools.print_cards``). A job's own transaction only reads:
    progress and result are written by transactions of their own. Cut off, it is printed anew; done, it is not.
    """

    _name = "isp.token.print"
    _description = "Print of tokens"
    _order = "id desc"

    batch_id = fields.Many2one("isp.token.batch", string="Batch", required=True, readonly=True, index=True, ondelete="cascade")
    site_id = fields.Many2one(related="batch_id.site_id")
    company_id = fields.Many2one(related="batch_id.company_id", store=True)
    user_id = fields.Many2one("res.users", string="By", readonly=True, default=lambda self: self.env.user)
    paper = fields.Selection(PAPERS, required=True, readonly=True)
    lang = fields.Selection(lambda self: self.env["res.lang"].get_installed(), string="Language", required=True, readonly=True)
    first = fields.Integer(string="From number", required=True, readonly=True)
    last = fields.Integer(string="To number", required=True, readonly=True)
    state = fields.Selection([("waiting", "Being printed"), ("done", "Ready")], required=True, readonly=True, default="waiting")
    done = fields.Integer(string="Cards", readonly=True)
    progress = fields.Integer(string="Progress (%)", compute="_compute_progress")
    made_at = fields.Datetime(string="Ready since", readonly=True)
    pdf = fields.Binary(string="File", attachment=True, readonly=True)

    _range_valid = models.Constraint("CHECK(first >= 1 AND last >= first)", "The numbers count from 1 up.")

    @api.depends("done", "state")
    def _compute_progress(self):
        for record in self:
            record.progress = 100 if record.state == "done" else min(100 * record.done // (record.last - record.first + 1), 99)

    def _compute_display_name(self):
        for record in self:
            record.display_name = f"{record.batch_id.name} {record.first}–{record.last}"

    # === Actions ===

    def action_download(self):
        self.ensure_one()
        if self.state != "done":
            raise UserError(self.env._("It is still being printed."))
        name = f"{self.batch_id.id}-{self.first}-{self.last}.pdf"
        return {"type": "ir.actions.act_url", "url": f"/web/content/isp.token.print/{self.id}/pdf/{name}?download=true", "target": "download"}

    # === Business ===

    @api.model
    def _ask(self, batch, paper, lang, first=1, last=None):
        """Print the tokens of a batch from number ``first`` to ``last``: a few at once, many by jobs, ``IN_FILE`` a file.

        :param batch: ``isp.token.batch``; the caller has checked that it is theirs :param paper: key of PAPERS
        :return: ``isp.token.print`` (sudo), one a file
        :raise UserError: no such numbers; the batch is blocked or not complete
        """
        batch = batch.sudo()
        last = last or batch.made_count
        if not 1 <= first <= last <= batch.made_count:
            raise UserError(self.env._("The batch has the numbers 1 to %(count)s.", count=batch.made_count))
        if batch.state in ("making", "blocked"):
            raise UserError(self.env._("A batch that is blocked or still being made is not printed."))
        prints = self.sudo()
        for start in range(first, last + 1, IN_FILE):
            vals = {"batch_id": batch.id, "paper": paper, "lang": lang, "first": start, "last": min(start + IN_FILE - 1, last)}
            waiting = prints.search([*((name, "=", value) for name, value in vals.items()), ("state", "=", "waiting")], limit=1)
            prints |= waiting or prints.create({**vals, "user_id": self.env.uid})
        if last - first < IN_REQUEST:
            prints._write_pdf(prints._print())
        else:
            for record in prints:
                record.with_delay(description=self.env._("Print %(name)s", name=record.display_name), identity_key=f"isp_token_print-{record.id}")._print_by_job()
        return prints

    def _print_by_job(self):
        """Print, and tell how far it is. Done already: nothing."""
        self.ensure_one()
        if not self.exists() or self.state == "done":
            return
        pdf = self._print(tell=self._tell)
        with self._apart() as record:
            record._write_pdf(pdf)

    def _tell(self, done):
        with self._apart() as record:
            record.done = done

    @contextlib.contextmanager
    def _apart(self):
        """This record in a transaction of its own, committed at the end of the block."""
        with self.env.registry.cursor() as cr:
            yield self.with_env(self.env(cr=cr))

    def _write_pdf(self, pdf):
        self.write({"pdf": base64.b64encode(pdf), "state": "done", "made_at": fields.Datetime.now(), "done": self.last - self.first + 1})

    def _print(self, tell=None):
        """:param tell: called with the number of cards that are done :return: the PDF, bytes"""
        self.ensure_one()
        base_url = self.env["ir.actions.report"]._get_report_url()
        return print_cards(
            self._card_html(),
            self._cards(tell),
            fetcher=InsideFetcher(self.env, base_url),
            base_url=base_url,
            sheet=SHEETS[self.paper],
            foot=f"#{self.batch_id.id}  {self.first}-{self.last}  %d" if SHEETS[self.paper] else "",
        )

    def _card_html(self):
        """:return: one card without its codes, an HTML document in the print's language"""
        record = self.with_context(lang=self.lang).sudo()
        values = {"o": record.batch_id, "site": record.batch_id.site_id, "lang": self.lang, "paper": self.paper, **record._prepare_card()}
        html = self.env["ir.qweb"].with_context(lang=self.lang)._render(f"isp_hotspot.card_{self.paper}", values, lang=self.lang)
        return str(html)

    def _prepare_card(self):
        """:return: {name: text} of what stands on each card"""
        batch, site = self.batch_id, self.batch_id.site_id
        pair = site.login_mode == "pair"
        return {
            "pair": pair,
            "ssid": site.ssid or site.name,
            "duration": batch.time_text,
            "price": batch.currency_id.format(batch.price) if batch.price else self.env._("Free"),
            "how": self.env._("Join the WiFi, open any page, type user and password. Or scan.") if pair else self.env._("Join the WiFi, open any page, type the code. Or scan."),
            "terms": next(iter((site.terms or "").strip().splitlines()), "")[:120],
            "until": fields.Datetime.context_timestamp(batch.with_context(tz="Africa/Juba"), batch.until).strftime("%Y-%m-%d") if batch.until else "",
        }

    def _cards(self, tell=None):
        """Yield {place: text} of each token, in the order of its number; what is blocked is left out."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT n.number, n.id FROM (SELECT id, state, row_number() OVER (ORDER BY id) AS number FROM isp_token WHERE batch_id = %s) n
                 WHERE n.number BETWEEN %s AND %s AND n.state NOT IN ('blocked', 'refunded') ORDER BY n.number
                """,
                self.batch_id.id,
                self.first,
                self.last,
            )
        )
        pair = self.batch_id.site_id.login_mode == "pair"
        tokens = self.env["isp.token"].sudo()
        for start in range(0, len(rows), _STEP):
            part = rows[start : start + _STEP]
            ids = [token for _number, token in part]
            for (number, _token), token in zip(part, tokens.browse(ids), strict=True):
                url = token._login_url()
                card = {"qr": url if len(url) <= QR_MOST[self.paper] else token.code, "code": token.code, "number": f"{self.batch_id.id}-{number}"}
                yield {**card, "password": token.password} if pair else card
            tokens.browse(ids).invalidate_recordset(flush=False)
            if tell:
                tell(start + len(part))

    @api.autovacuum
    def _gc_old(self):
        self.sudo().search([("create_date", "<", fields.Datetime.now() - KEEP)]).unlink()
