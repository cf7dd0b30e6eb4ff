"""The CPU time (user and system) of processes, from /proc. The kernel counts in ticks of 10 ms: measure for seconds."""

import os

TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def _fields(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()


def cpu_of(pid):
    """Seconds that a process has used."""
    return sum(map(int, _fields(pid)[11:13])) * TICK


def cpu_of_postgres(server):
    """Of a PostgresServer: all of its processes, with what ended ones have left in their parent's account."""
    ticks = 0
    for pid in server.processes():
        try:
            ticks += sum(map(int, _fields(pid)[11:15 if pid == server.process.pid else 13]))
        except FileNotFoundError:
            pass  # just ended
    return ticks * TICK
