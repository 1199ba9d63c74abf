# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "Reports by WeasyPrint",
    "summary": "PDF reports in process: Arabic, page numbers, receipts, no network",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "Juba Net contributors",
    "license": "AGPL-3",
    "development_status": "Alpha",
    "depends": ["web"],
    "external_dependencies": {"python": ["weasyprint"]},
    "data": [
        "views/ir_actions_report_views.xml",
        "views/layout_templates.xml",
    ],
    "assets": {
        "web.assets_backend": ["report_weasyprint/static/src/js/report_handler.esm.js"],
    },
}
