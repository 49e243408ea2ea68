"""What the engine computes otherwise than Spark 3.5.4, without an error: corrected here, or refused by name.

Every plan passes through on its way to the engine. ``rules`` says what is to be done with a function, given the types
of its operands; ``plans`` finds functions in plans of the DataFrame API, ``sql_text`` in SQL; ``differences`` is the
table of what is refused.
"""
