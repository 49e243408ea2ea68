"""``python -m mlops_platform_tests.glue.parity``: Spark's functions and whole scripts on both engines."""

from mlops_platform_tests.glue.parity.compare import main

if __name__ == "__main__":
    main()
