"""Custom classifiers (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-classifiers.html): CSV."""

from typing import Any

from local_cloud.glue.base import exists, invalid, not_found, page
from local_cloud.glue.bookmarks import Bookmarks
from local_cloud.glue.store import dumps, loads, now

Shape = dict[str, Any]
_SERDES = (None, "OpenCSVSerDe", "LazySimpleSerDe", "None")


class Classifiers(Bookmarks):
    """Create, read, update and delete CSV classifiers. Grok, XML and JSON path classifiers are refused."""

    def create_classifier(self, **kinds: Shape) -> Shape:
        """Raises: ``AlreadyExistsException``, ``InvalidInputException``."""
        given = _csv(kinds)
        moment = now()
        body = {**given, "CreationTime": moment, "LastUpdated": moment, "Version": 1}
        with self.store.write() as db:
            if db.execute("SELECT 1 FROM classifiers WHERE name = ?", (given["Name"],)).fetchone():
                raise exists(f"Classifier {given['Name']} already exists.")
            db.execute("INSERT INTO classifiers VALUES (?, ?)", (given["Name"], dumps(body)))
        return {}

    def update_classifier(self, **kinds: Shape) -> Shape:
        """Change the members given. Raises: ``EntityNotFoundException``, ``InvalidInputException``."""
        given = _csv(kinds)
        with self.store.write() as db:
            old = self.classifier(given["Name"])
            body = {**old, **given, "LastUpdated": now(), "Version": old["Version"] + 1}
            db.execute("UPDATE classifiers SET body = ? WHERE name = ?", (dumps(body), given["Name"]))
        return {}

    def get_classifier(self, *, Name: str) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        return {"Classifier": {"CsvClassifier": self.classifier(Name)}}

    def get_classifiers(self, *, MaxResults: int | None = None, NextToken: str | None = None) -> Shape:
        """A page of classifiers by name."""
        found, token = self.named_page("classifiers", "name", NextToken, MaxResults or 100)
        return page("Classifiers", [{"CsvClassifier": body} for body in found], token)

    def delete_classifier(self, *, Name: str) -> Shape:
        """Raises: ``EntityNotFoundException``."""
        with self.store.write() as db:
            if not db.execute("DELETE FROM classifiers WHERE name = ?", (Name,)).rowcount:
                raise not_found(f"Classifier {Name} not found.")
        return {}

    def classifier(self, name: str) -> Shape:
        """The ``CsvClassifier`` shape.

        Raises:
            ServiceError: ``EntityNotFoundException``.
        """
        row = self.store.one("SELECT body FROM classifiers WHERE name = ?", (name,))
        if row is None:
            raise not_found(f"Classifier {name} not found.")
        return dict(loads(row[0]))


def _csv(kinds: Shape) -> Shape:
    if set(kinds) != {"CsvClassifier"}:
        named = ", ".join(sorted(kinds)) or "nothing"
        raise invalid(f"The local cloud supports CsvClassifier alone; the request has {named}.")
    given = {key: value for key, value in kinds["CsvClassifier"].items() if value is not None}
    if given.get("CustomDatatypeConfigured") or given.get("CustomDatatypes"):
        raise invalid("CsvClassifier: the local cloud does not support CustomDatatypes.")
    if given.get("Serde") not in _SERDES:
        raise invalid(
            f"CsvClassifier: Serde must be OpenCSVSerDe, LazySimpleSerDe or None, not {given['Serde']}."
        )
    if given.get("Delimiter") and given.get("Delimiter") == given.get("QuoteSymbol"):
        raise invalid("CsvClassifier: QuoteSymbol must differ from Delimiter.")
    return given
