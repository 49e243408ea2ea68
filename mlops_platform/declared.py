"""What the components under ``defs`` declare, gathered into one :class:`Declaration`."""

from pathlib import Path

from mlops_platform.declaration import Declaration, merge


def declaration() -> Declaration:
    """Load every component's ``defs.yaml`` and merge what they need. Reads files, nothing else.

    Raises:
        ConflictingDeclarationError: two components use one name for different things.
    """
    from dagster.components.core.component_tree import ComponentTree

    from mlops_platform.components.base import PlatformComponent

    tree = ComponentTree.for_project(Path(__file__).parent)
    components = tree.get_all_components(of_type=PlatformComponent)  # type: ignore[type-abstract]
    return merge(component.declare() for component in components)
