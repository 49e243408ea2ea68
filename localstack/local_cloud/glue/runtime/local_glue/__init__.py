"""What runs around a Glue script in its own process: the Spark engine, and what makes it behave as on AWS."""
