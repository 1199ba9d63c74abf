"""Filling the templates of ``config/``: ``@NAME@`` becomes a value, an unknown name is an error."""

import re
from pathlib import Path

from . import paths
from .shell import StackError

#: Where services are found: all on this machine, unless ``production.py`` says otherwise.
HERE = {"PG_HOST": "127.0.0.1", "LISTEN": "127.0.0.1"}


def render(template: str, values: dict[str, object]) -> str:
    text = (paths.CONFIG / template).read_text()
    values = {**HERE, **values}

    def value(match: re.Match) -> str:
        if match[1] not in values:
            raise StackError(f"config/{template} asks for @{match[1]}@, which nobody sets.")
        return str(values[match[1]])

    return re.sub(r"@([A-Z_]+)@", value, text)


def render_tree(template: str, target: Path, values: dict[str, object]) -> list[Path]:
    """Render every file below ``config/<template>`` to the same place below ``target``."""
    written = []
    source = paths.CONFIG / template
    for path in sorted(source.rglob("*")):
        if path.is_file():
            destination = target / path.relative_to(source)
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_text(render(str(path.relative_to(paths.CONFIG)), values))
            written.append(destination)
    return written
