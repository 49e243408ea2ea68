"""AWS Batch whose jobs really run: a container is a process group on this machine.

``engine.py`` is the API, ``scheduler.py`` decides, ``host/`` is the program that runs the jobs. This file imports
nothing: the host starts in milliseconds.
"""
