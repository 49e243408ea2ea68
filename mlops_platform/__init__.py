"""The AWS data and ML platform that runs whole on a laptop."""
