"""Named queries and prepared statements.

https://docs.aws.amazon.com/athena/latest/APIReference/API_CreateNamedQuery.html, .../API_CreatePreparedStatement.html
"""

import re
import uuid

from local_cloud.athena.api.base import Base, Shape, batch, invalid
from local_cloud.athena.api.workgroups import PRIMARY, Workgroups
from local_cloud.athena.state import now
from local_cloud.errors import ServiceError


class Saved(Workgroups):
    """Queries kept for later."""

    def create_named_query(
        self,
        *,
        Name: str,
        Database: str,
        QueryString: str,
        Description: str = "",
        ClientRequestToken: str | None = None,
        WorkGroup: str = PRIMARY,
    ) -> Shape:
        """Raises: InvalidRequestException."""
        self.workgroup(WorkGroup)
        id_ = str(uuid.uuid4())
        request = {
            "Name": Name,
            "Database": Database,
            "QueryString": QueryString,
            "Description": Description,
            "WorkGroup": WorkGroup,
        }
        return {
            "NamedQueryId": self.once(
                "named", ClientRequestToken, request, {"NamedQueryId": id_, **request}, id_, WorkGroup
            )
        }

    def _named(self, id_: str) -> Shape:
        found = self.state.get("named", id_)
        if found is None:
            raise invalid(f"NamedQuery {id_} was not found")
        return found

    def get_named_query(self, *, NamedQueryId: str) -> Shape:
        """Raises: InvalidRequestException."""
        return {"NamedQuery": self._named(NamedQueryId)}

    def batch_get_named_query(self, *, NamedQueryIds: list[str]) -> Shape:
        """Those found, and the ids of those not."""
        found = {i: self.state.get("named", i) for i in NamedQueryIds}
        queries, missing = batch(found, "NamedQueryId", "NamedQuery {}", "INTERNAL_FAILURE")
        return {"NamedQueries": queries, "UnprocessedNamedQueryIds": missing}

    def update_named_query(
        self, *, NamedQueryId: str, Name: str, QueryString: str, Description: str | None = None
    ) -> Shape:
        """Raises: InvalidRequestException."""
        body = self._named(NamedQueryId) | {"Name": Name, "QueryString": QueryString}
        if Description is not None:
            body["Description"] = Description
        self.state.put("named", NamedQueryId, body, body["WorkGroup"])
        return {}

    def delete_named_query(self, *, NamedQueryId: str) -> Shape:
        """Raises: InvalidRequestException."""
        self._named(NamedQueryId)
        self.state.delete("named", NamedQueryId)
        return {}

    def list_named_queries(
        self, *, NextToken: str | None = None, MaxResults: int = 50, WorkGroup: str = PRIMARY
    ) -> Shape:
        """Raises: InvalidRequestException."""
        self.workgroup(WorkGroup)
        found, more = self.listed("named", WorkGroup, MaxResults, NextToken, newest_first=True)
        return {"NamedQueryIds": [q["NamedQueryId"] for q in found], **more}

    # -- prepared statements -------------------------------------------------------------------------------------

    def create_prepared_statement(
        self, *, StatementName: str, WorkGroup: str, QueryStatement: str, Description: str = ""
    ) -> Shape:
        """Raises: InvalidRequestException where it exists."""
        self.workgroup(WorkGroup)
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_@:]{0,255}", StatementName):
            raise invalid(f"Prepared statement name {StatementName!r} is not valid")
        body = {
            "StatementName": StatementName,
            "QueryStatement": QueryStatement,
            "WorkGroupName": WorkGroup,
            "Description": Description,
            "LastModifiedTime": now(),
        }
        if not self.state.add("prepared", f"{WorkGroup}/{StatementName}", body, WorkGroup):
            raise invalid(f"Prepared statement {StatementName} already exists in workGroup {WorkGroup}")
        return {}

    def _prepared(self, workgroup: str, name: str) -> Shape:
        self.workgroup(workgroup)
        found = self.state.get("prepared", f"{workgroup}/{name}")
        if found is None:
            raise ServiceError(
                "ResourceNotFoundException",
                f"PreparedStatement {name} was not found in workGroup {workgroup}",
                400,
                ResourceName=name,
            )
        return found

    def get_prepared_statement(self, *, StatementName: str, WorkGroup: str) -> Shape:
        """Raises: ResourceNotFoundException."""
        return {"PreparedStatement": self._prepared(WorkGroup, StatementName)}

    def batch_get_prepared_statement(self, *, PreparedStatementNames: list[str], WorkGroup: str) -> Shape:
        """Those found, and the names of those not."""
        found = {n: self.state.get("prepared", f"{WorkGroup}/{n}") for n in PreparedStatementNames}
        what = f"PreparedStatement {{}} in workGroup {WorkGroup}"
        statements, missing = batch(found, "StatementName", what, "STATEMENT_NOT_FOUND")
        return {"PreparedStatements": statements, "UnprocessedPreparedStatementNames": missing}

    def update_prepared_statement(
        self, *, StatementName: str, WorkGroup: str, QueryStatement: str, Description: str | None = None
    ) -> Shape:
        """Raises: ResourceNotFoundException."""
        body = self._prepared(WorkGroup, StatementName) | {
            "QueryStatement": QueryStatement,
            "LastModifiedTime": now(),
        }
        if Description is not None:
            body["Description"] = Description
        self.state.put("prepared", f"{WorkGroup}/{StatementName}", body, WorkGroup)
        return {}

    def delete_prepared_statement(self, *, StatementName: str, WorkGroup: str) -> Shape:
        """Raises: ResourceNotFoundException."""
        self._prepared(WorkGroup, StatementName)
        self.state.delete("prepared", f"{WorkGroup}/{StatementName}")
        return {}

    def list_prepared_statements(
        self, *, WorkGroup: str, NextToken: str | None = None, MaxResults: int = 50
    ) -> Shape:
        """Raises: InvalidRequestException."""
        self.workgroup(WorkGroup)
        found, more = self.listed("prepared", WorkGroup, MaxResults, NextToken)
        return {
            "PreparedStatements": [{k: p[k] for k in ("StatementName", "LastModifiedTime")} for p in found],
            **more,
        }


class PreparedStatements:
    """A workgroup's prepared statements, as PREPARE and DEALLOCATE see them."""

    def __init__(self, saved: Base, workgroup: str) -> None:
        self._state, self._workgroup = saved.state, workgroup

    def put(self, name: str, sql: str) -> None:
        body = {
            "StatementName": name,
            "QueryStatement": sql,
            "WorkGroupName": self._workgroup,
            "Description": "",
            "LastModifiedTime": now(),
        }
        self._state.put("prepared", f"{self._workgroup}/{name}", body, self._workgroup)

    def delete(self, name: str) -> bool:
        return self._state.delete("prepared", f"{self._workgroup}/{name}")
