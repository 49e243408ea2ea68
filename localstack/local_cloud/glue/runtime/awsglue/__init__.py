"""A stand-in for AWS Glue's ``awsglue`` library: the part of its interface that Glue scripts use most.

Written from AWS's documentation (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python.html).
What is not supported raises ``NotImplementedError`` and names the feature.
"""
