# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import content_disposition, request


def csv_response(content, name):
    """:param content: bytes"""
    headers = [
        ("Content-Type", "text/csv; charset=utf-8"),
        ("Content-Disposition", content_disposition(name)),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    return request.make_response(content, headers=headers)


class BatchFiles(http.Controller):
    """Files of batches, for whoever may read the batch and its codes."""

    def _record(self, model, record_id):
        """:return: the record, with the user's own rights; 404 for one that is not theirs or not there"""
        record = request.env[model].browse(record_id)
        try:
            record.check_access("read")
            if not record.exists():
                raise request.not_found()
        except (AccessError, MissingError):
            raise request.not_found() from None
        return record

    @http.route("/isp/hotspot/batch/<int:batch_id>/codes.csv", type="http", auth="user", methods=["GET"], readonly=True)
    def codes(self, batch_id):
        batch = self._record("isp.token.batch", batch_id)
        if not batch._may_have_codes():
            raise request.not_found()
        return csv_response(batch._codes_csv(), f"batch-{batch.id}.csv")

    @http.route("/isp/hotspot/import/<int:import_id>/refused.csv", type="http", auth="user", methods=["GET"], readonly=True)
    def refused(self, import_id):
        record = self._record("isp.token.import", import_id)
        return csv_response(record._refused_csv(), f"refused-{record.id}.csv")
