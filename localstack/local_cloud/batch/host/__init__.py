"""The host: one small single-threaded program that starts the jobs' processes, watches them and ends them.

It is to jobs what an EC2 instance is on AWS: when it goes, all its jobs go, and the scheduler says so
(``Host EC2 (instance i-...) terminated.``). It goes when the local cloud goes. It imports the standard library only.
"""
