"""The operations of the Athena API, a room for each family; each class adds to the one before."""
