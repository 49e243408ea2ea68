"""Workgroups and tags: https://docs.aws.amazon.com/athena/latest/APIReference/API_WorkGroup.html"""

import re
from typing import Any

from local_cloud.athena.api.base import Base, Shape, invalid
from local_cloud.athena.api.placement import checked
from local_cloud.athena.state import now
from local_cloud.errors import ServiceError

ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
PRIMARY = "primary"
_UNSUPPORTED = (
    "ExecutionRole",
    "CustomerContentEncryptionConfiguration",
    "AdditionalConfiguration",
    "IdentityCenterConfiguration",
    "ManagedQueryResultsConfiguration",
    "QueryResultsS3AccessGrantsConfiguration",
)
MIN_CUTOFF = 10_000_000


def _configured(given: Shape) -> Shape:
    for name in _UNSUPPORTED:
        if given.get(name) and given[name] != {"Enabled": False}:
            raise ServiceError(
                "UnsupportedOperation", f"The local cloud's athena workgroups do not support {name}.", 501
            )
    cutoff = given.get("BytesScannedCutoffPerQuery")
    if cutoff is not None and cutoff < MIN_CUTOFF:
        raise invalid(f"BytesScannedCutoffPerQuery must be at least {MIN_CUTOFF} bytes")
    defaults = {
        "EnforceWorkGroupConfiguration": True, "PublishCloudWatchMetricsEnabled": False, "RequesterPaysEnabled": False,
        "ResultConfiguration": {},
    }  # fmt: skip
    selected = (given.get("EngineVersion") or {}).get("SelectedEngineVersion", "AUTO")
    if selected not in ("AUTO", ENGINE["EffectiveEngineVersion"]):
        raise invalid(
            f"Engine version {selected} is not supported; it is {ENGINE['EffectiveEngineVersion']} or AUTO"
        )
    return {**defaults, **given, "EngineVersion": {**ENGINE, "SelectedEngineVersion": selected}}


class Workgroups(Base):
    """Create, read, update and delete workgroups; ``primary`` always exists."""

    def ensure_primary(self) -> None:
        """The workgroup every account has; it enforces nothing."""
        configuration = _configured({"EnforceWorkGroupConfiguration": False})
        self.state.add("workgroup", PRIMARY, self._body(PRIMARY, configuration, ""))

    def _body(self, name: str, configuration: Shape, description: str) -> Shape:
        return {
            "Name": name,
            "State": "ENABLED",
            "Configuration": configuration,
            "Description": description,
            "CreationTime": now(),
        }

    def create_work_group(
        self,
        *,
        Name: str,
        Configuration: Shape | None = None,
        Description: str = "",
        Tags: list[Shape] | None = None,
    ) -> Shape:
        """Raises: InvalidRequestException where it exists."""
        if not re.fullmatch(r"[a-zA-Z0-9._-]{1,128}", Name):
            raise invalid(f"WorkGroup name {Name!r} is not valid")
        checked((Configuration or {}).get("ResultConfiguration") or {}, self.cloud.account_id)
        if not self.state.add(
            "workgroup", Name, self._body(Name, _configured(Configuration or {}), Description)
        ):
            raise invalid("WorkGroup is already created")
        if Tags:
            self.tag_resource(ResourceARN=self.arn("workgroup", Name), Tags=Tags)
        return {}

    def get_work_group(self, *, WorkGroup: str) -> Shape:
        """Raises: InvalidRequestException."""
        return {"WorkGroup": self.workgroup(WorkGroup)}

    def list_work_groups(self, *, NextToken: str | None = None, MaxResults: int = 50) -> Shape:
        """Summaries, oldest first."""
        found, more = self.listed("workgroup", None, MaxResults, NextToken)
        return {
            "WorkGroups": [
                {
                    **{k: w[k] for k in ("Name", "State", "Description", "CreationTime")},
                    "EngineVersion": w["Configuration"]["EngineVersion"],
                }
                for w in found
            ],
            **more,
        }

    def update_work_group(
        self,
        *,
        WorkGroup: str,
        Description: str | None = None,
        ConfigurationUpdates: Shape | None = None,
        State: str | None = None,
    ) -> Shape:
        """Raises: InvalidRequestException."""
        body = self.workgroup(WorkGroup)
        updates = dict(ConfigurationUpdates or {})
        configuration = body["Configuration"]
        result = updates.pop("ResultConfigurationUpdates", None)
        if result is not None:
            kept = {
                k: v for k, v in configuration["ResultConfiguration"].items() if not result.get(f"Remove{k}")
            }
            configuration["ResultConfiguration"] = {
                **kept,
                **{k: v for k, v in result.items() if not k.startswith("Remove")},
            }
            checked(configuration["ResultConfiguration"], self.cloud.account_id)
        if updates.pop("RemoveBytesScannedCutoffPerQuery", False):
            configuration.pop("BytesScannedCutoffPerQuery", None)
        body["Configuration"] = _configured({**configuration, **updates})
        if Description is not None:
            body["Description"] = Description
        if State is not None:
            body["State"] = State
        self.state.put("workgroup", WorkGroup, body)
        return {}

    def delete_work_group(self, *, WorkGroup: str, RecursiveDeleteOption: bool = False) -> Shape:
        """Raises: InvalidRequestException for ``primary``, or one that is not empty."""
        if WorkGroup == PRIMARY:
            raise invalid("The primary workgroup cannot be deleted")
        self.workgroup(WorkGroup)
        used = [kind for kind in ("execution", "named", "prepared") if self.state.page(kind, WorkGroup, 1)]
        if used and not RecursiveDeleteOption:
            raise invalid(f"WorkGroup {WorkGroup} is not empty")
        for body in self.state.where("execution", "$.Status.State", ["QUEUED", "RUNNING"]):
            if body["WorkGroup"] == WorkGroup:
                self.executor.cancel(body["QueryExecutionId"])
        for kind in ("named", "prepared"):
            self.state.delete_all(kind, WorkGroup)
        self.state.delete("workgroup", WorkGroup)
        self.state.delete("tags", self.arn("workgroup", WorkGroup))
        return {}

    def list_engine_versions(self, *, NextToken: str | None = None, MaxResults: int = 10) -> Shape:
        """Engine version 3, and AUTO, which means it."""
        del NextToken, MaxResults  # two: one page
        effective = ENGINE["EffectiveEngineVersion"]
        return {
            "EngineVersions": [
                {"SelectedEngineVersion": selected, "EffectiveEngineVersion": effective}
                for selected in ("AUTO", effective)
            ]
        }

    # -- tags ----------------------------------------------------------------------------------------------------

    def _tagged(self, arn: str) -> dict[str, str]:
        found = re.fullmatch(r"arn:aws[a-z-]*:athena:[^:]*:\d*:(workgroup|datacatalog)/(.+)", arn)
        if not found or (found[1] == "workgroup" and self.state.get("workgroup", found[2]) is None):
            raise ServiceError(
                "ResourceNotFoundException", f"Resource {arn} is not found.", 400, ResourceName=arn
            )
        tags: dict[str, Any] = self.state.get("tags", arn) or {}
        return tags

    def tag_resource(self, *, ResourceARN: str, Tags: list[Shape]) -> Shape:
        """Raises: ResourceNotFoundException."""
        tags = self._tagged(ResourceARN) | {t["Key"]: t.get("Value", "") for t in Tags}
        self.state.put("tags", ResourceARN, tags)
        return {}

    def untag_resource(self, *, ResourceARN: str, TagKeys: list[str]) -> Shape:
        """Raises: ResourceNotFoundException."""
        tags = {k: v for k, v in self._tagged(ResourceARN).items() if k not in TagKeys}
        self.state.put("tags", ResourceARN, tags)
        return {}

    def list_tags_for_resource(
        self, *, ResourceARN: str, NextToken: str | None = None, MaxResults: int = 75
    ) -> Shape:
        """Raises: ResourceNotFoundException."""
        del NextToken, MaxResults  # a resource has at most 50 tags: one page
        return {"Tags": [{"Key": k, "Value": v} for k, v in sorted(self._tagged(ResourceARN).items())]}
