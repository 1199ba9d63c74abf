# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import content_disposition, request


class IspImportController(http.Controller):
    @http.route("/isp/import/<int:import_id>/refused.csv", type="http", auth="user", methods=["GET"])
    def refused(self, import_id):
        """The refused lines of an import, for those who may import; passwords for administrators."""
        record = request.env["isp.import"].browse(import_id)
        try:
            record.check_access("read")
            if not record.exists().has_file:
                raise request.not_found()
        except (AccessError, MissingError):
            raise request.not_found() from None
        content = record._refused_csv(secrets=request.env.user.has_group("isp_base.group_isp_administrator"))
        name = (record.file_name or "import.csv").removesuffix(".csv")
        return request.make_response(
            content,
            headers=[
                ("Content-Type", "text/csv; charset=utf-8"),
                ("Content-Disposition", content_disposition(f"{name}-refused.csv")),
                ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "no-store"),
            ],
        )
