# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class ReportPaperformat(models.Model):
    _inherit = "report.paperformat"

    def _weasyprint_css(self, landscape=False):
        """Return the ``@page`` rule of this paper, or nothing for a custom paper without a size."""
        if not self.print_page_width or not self.print_page_height:
            return ""
        size = f"{self.print_page_width}mm {self.print_page_height}mm"
        if landscape and self.orientation != "Landscape":
            size = f"{self.print_page_height}mm {self.print_page_width}mm"
        margins = (self.margin_top, self.margin_right, self.margin_bottom, self.margin_left)
        return f"@page {{ size: {size}; margin: {' '.join(f'{margin}mm' for margin in margins)} }}"
