"""What the platform ships to AWS Batch: the package `platform_training`, its requirements, its Dockerfile."""
