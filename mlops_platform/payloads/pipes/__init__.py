"""What the platform ships to jobs that `PipesBatchClient` launches: the package `platform_pipes`."""
