"""Run a program, and write into a descriptor how much memory it had at most, in bytes.

The number is that of the largest program, of all that it started and waited for. It begins with the memory of
who starts a program (getrusage(2)), so this is a small one.
"""

import os
import resource
import sys

number, *command = sys.argv[1:]
os.set_inheritable(int(number), False)
process = os.posix_spawnp(command[0], command, os.environ)
_, status = os.waitpid(process, 0)
os.write(int(number), b"%d" % (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(os.waitstatus_to_exitcode(status))
