"""What ``dg scaffold defs`` writes for each component: files to edit, complete enough to run."""

from pathlib import Path
from string import Template
from typing import ClassVar

import dagster as dg
from pydantic import BaseModel

TEMPLATES = Path(__file__).parent / "templates"


class _TemplateScaffolder(dg.Scaffolder[BaseModel]):
    """Copies a template folder; ``$name`` becomes the name of the folder being scaffolded.

    ``renamed`` maps a template file's name to the name it gets.
    """

    template: ClassVar[str]
    renamed: ClassVar[dict[str, str]] = {}

    def scaffold(self, request: dg.ScaffoldRequest[BaseModel]) -> None:
        """Write the files. Raises FileExistsError: one of them is there already."""
        name = request.target_path.name
        request.target_path.mkdir(parents=True, exist_ok=True)
        for source in sorted((TEMPLATES / self.template).iterdir()):
            target = request.target_path / self.renamed.get(source.name, source.name).replace("$name", name)
            with target.open("x", encoding="utf-8") as file:
                file.write(Template(source.read_text(encoding="utf-8")).substitute(name=name))


class S3CsvSourceScaffolder(_TemplateScaffolder):
    """A source with two columns."""

    template = "s3_csv_source"


class PostgresSourceScaffolder(_TemplateScaffolder):
    """A source with one table."""

    template = "postgres_source"


class GlueTableScaffolder(_TemplateScaffolder):
    """A table and a Glue script that reads daily drops."""

    template = "glue_table"
    renamed: ClassVar[dict[str, str]] = {"job.py": "$name.py"}


class AthenaViewsScaffolder(_TemplateScaffolder):
    """One view."""

    template = "athena_views"
    renamed: ClassVar[dict[str, str]] = {"view.sql": "$name.sql"}


class AthenaDashboardScaffolder(_TemplateScaffolder):
    """A page with a figure and a chart of one query."""

    template = "athena_dashboard"
