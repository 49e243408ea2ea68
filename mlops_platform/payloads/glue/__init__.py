"""What the platform ships to Glue jobs (`--extra-py-files`): the package `platform_glue`."""
