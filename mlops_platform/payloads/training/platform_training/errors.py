"""What goes wrong in a job by its input: retrying does not help."""


class TrainingError(Exception):
    """The job cannot be done as asked; the message says what is wrong and the cure. Exit code 2."""
