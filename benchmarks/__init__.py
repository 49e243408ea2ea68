"""Side-by-side measurements: what the platform does against what a user would have instead, in one run."""
