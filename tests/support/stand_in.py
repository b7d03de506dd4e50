"""What `spawning.stand_ins` puts there: ask the server beside this file for a process, and end as that does.

Made of what Python has built in, without `site`, because this is what each start costs.
"""

import marshal
import posix
import sys
from _signal import SIG_DFL, SIGHUP, SIGINT, SIGKILL, SIGTERM, signal  # type: ignore[import-not-found]
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socket

directory, _, name = sys.argv[0].rpartition("/")
streams: list[int] = []
request: dict[str, object] = {"arguments": sys.argv, "environment": dict(posix.environ), "streams": streams}

if name == "python":
    first, *arguments = sys.argv[1:] or [""]
    if first == "-P" and arguments[:1] == ["-c"]:
        first, *arguments = "-Pc", *arguments[1:]
    if first == "-Pc":
        request["code"], *arguments = arguments
        request["arguments"] = ["-c", *arguments]
    elif first == "-Pm" and arguments[:1] == ["gitstore.cli"]:
        request["arguments"] = arguments
    elif first.endswith(".py"):
        request["script"] = True
        request["arguments"] = sys.argv[1:]
    else:
        posix.execv(sys.executable, [sys.executable, *sys.argv[1:]])

for number in (0, 1, 2):
    try:
        posix.fstat(number)
    except OSError:
        continue
    streams.append(number)

server = socket(AF_UNIX, SOCK_SEQPACKET)
server.connect(directory + "/server")
here = posix.open(".", posix.O_RDONLY | posix.O_DIRECTORY)
descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in [here, *streams])
server.sendmsg([marshal.dumps(request)], [(SOL_SOCKET, SCM_RIGHTS, descriptors)])
process = int(server.recv(32))
for number in (SIGHUP, SIGINT, SIGTERM):
    signal(number, lambda number, _: posix.kill(process, number))
code = int(server.recv(32) or 255)
if code < 0:
    if -code != SIGKILL:
        signal(-code, SIG_DFL)
    posix.kill(posix.getpid(), -code)
posix._exit(code)
