"""The IAM role of Glue jobs: what the declared jobs do, and nothing more."""

import json
from collections.abc import Sequence
from typing import Any

from local_cloud.provision.names import Names
from local_cloud.provision.site import Site, tag_list
from mlops_platform.declaration import Declaration

_POLICY = "mlops-glue"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
_CATALOG_ACTIONS = (
    "glue:GetDatabase", "glue:GetTable", "glue:CreateTable", "glue:UpdateTable", "glue:GetPartitions",
    "glue:BatchCreatePartition", "glue:BatchUpdatePartition",
)  # fmt: skip


def ensure_glue_role(site: Site, names: Names, declaration: Declaration, secrets: Sequence[str]) -> str:
    """The role's ARN."""
    iam, name, absent = site.client("iam"), names.glue_role, ("NoSuchEntity", "NoSuchEntityException")
    found = site.found(lambda: iam.get_role(RoleName=name), *absent)
    if found is None:
        found = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST), Tags=tag_list())
        site.tell(f"created IAM role {name}")
    wanted = _policy(site, names, declaration, secrets)
    policy = site.found(
        lambda: iam.get_role_policy(RoleName=name, PolicyName=_POLICY),
        "NoSuchEntity",
        "NoSuchEntityException",
    )
    if policy is None or _parsed(policy["PolicyDocument"]) != wanted:
        iam.put_role_policy(RoleName=name, PolicyName=_POLICY, PolicyDocument=json.dumps(wanted))
        site.tell(f"IAM role {name}: policy written")
    return str(found["Role"]["Arn"])


def _policy(site: Site, names: Names, declaration: Declaration, secrets: Sequence[str]) -> dict[str, Any]:
    """Read drops and scripts, write tables and their catalog entries, read secrets and connections, write
    logs.
    """
    glue = f"arn:aws:glue:{site.region}:{site.account_id}"
    lake, artifacts = f"arn:aws:s3:::{names.lake_bucket}", f"arn:aws:s3:::{names.artifacts_bucket}"
    raw = f"arn:aws:s3:::{names.raw_bucket}"
    catalog = [f"{glue}:catalog"]
    for database in declaration.databases:
        catalog += [f"{glue}:database/{database}", f"{glue}:table/{database}/*"]
    statements = [
        _allow("ListLake", ["s3:ListBucket"], [lake]),
        _allow(
            "WriteTables",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            [f"{lake}/{database}/*" for database in declaration.databases],
        ),
        _allow("ReadScripts", ["s3:GetObject"], [f"{artifacts}/glue/*"]),
        _allow("Catalog", list(_CATALOG_ACTIONS), catalog),
        _allow(
            "Logs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            [f"arn:aws:logs:{site.region}:{site.account_id}:log-group:/aws-glue/*"],
        ),
    ]
    if declaration.csv_sources:
        drops = [f"{raw}/{source.prefix}*" for source in declaration.csv_sources]
        statements += [
            _allow("ListDrops", ["s3:ListBucket"], [raw]),
            _allow("ReadDrops", ["s3:GetObject"], drops),
        ]
    if declaration.postgres:
        connections = [f"{glue}:catalog", *(f"{glue}:connection/{p.name}" for p in declaration.postgres)]
        statements += [
            _allow("Connections", ["glue:GetConnection"], connections),
            _allow("Secrets", ["secretsmanager:GetSecretValue"], list(secrets)),
        ]
    return {"Version": "2012-10-17", "Statement": [s for s in statements if s["Resource"]]}


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _parsed(document: object) -> object:
    return json.loads(document) if isinstance(document, str) else document
