"""Glue databases and connections, and Athena's workgroup."""

from typing import Any

from local_cloud.provision.site import Site, tag_list


def ensure_database(site: Site, name: str) -> None:
    """The Glue database; one that is there stays as it is."""
    glue = site.client("glue")
    if site.found(lambda: glue.get_database(Name=name), "EntityNotFoundException") is None:
        glue.create_database(DatabaseInput={"Name": name, "Description": "Tables of the declared platform"})
        site.tell(f"created Glue database {name}")


def ensure_connection(site: Site, name: str, secret_id: str, jdbc_url: str) -> None:
    """The Glue connection that finds its user and password in the secret."""
    glue = site.client("glue")
    wanted = {
        "Name": name,
        "ConnectionType": "JDBC",
        "ConnectionProperties": {"JDBC_CONNECTION_URL": jdbc_url, "SECRET_ID": secret_id},
    }
    found = site.found(lambda: glue.get_connection(Name=name), "EntityNotFoundException")
    if found is None:
        glue.create_connection(ConnectionInput=wanted)
        site.tell(f"created Glue connection {name}")
    elif found["Connection"]["ConnectionProperties"] != wanted["ConnectionProperties"]:
        glue.update_connection(Name=name, ConnectionInput=wanted)
        site.tell(f"updated Glue connection {name}")


def ensure_workgroup(site: Site, name: str, output: str) -> None:
    """The Athena workgroup, whose place for results wins over a client's own."""
    athena = site.client("athena")
    configuration: dict[str, Any] = {
        "ResultConfiguration": {"OutputLocation": output},
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": False,
    }
    found = site.found(
        lambda: athena.get_work_group(WorkGroup=name), "InvalidRequestException", "ResourceNotFoundException"
    )
    if found is None:
        athena.create_work_group(Name=name, Configuration=configuration, Tags=tag_list())
        site.tell(f"created Athena workgroup {name}")
        return
    actual = found["WorkGroup"].get("Configuration", {})
    enforced = actual.get("EnforceWorkGroupConfiguration")
    if not enforced or actual.get("ResultConfiguration", {}).get("OutputLocation") != output:
        athena.update_work_group(
            WorkGroup=name,
            ConfigurationUpdates={
                "ResultConfigurationUpdates": {"OutputLocation": output},
                "EnforceWorkGroupConfiguration": True,
            },
        )
        site.tell(f"updated Athena workgroup {name}")
