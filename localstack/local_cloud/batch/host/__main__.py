"""`python -m local_cloud.batch.host CONTROL_FD OUTPUT_FD`: started by the scheduler, see link.py."""

import os
import socket
import sys

from local_cloud.batch.host.loop import Host

if __name__ == "__main__":
    for number in sys.argv[1:]:
        os.set_inheritable(
            int(number), False
        )  # a job that held them would keep the local cloud from seeing the end
    Host(socket.socket(fileno=int(sys.argv[1])), socket.socket(fileno=int(sys.argv[2]))).run()
