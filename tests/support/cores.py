"""Cores of the session of tests, as they are before its processes are bound to one each."""

import os

#: Empty where processes cannot be bound to cores.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
