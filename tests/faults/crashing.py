"""`python -m tests.faults.crashing …`: the real engine, with points at which it can be killed.

The arguments are the engine's. `control` says what CRASH_POINTS and CRASH_PORT hold; CRASH_LEASE_SECONDS is how long
the ownership of a source lasts, so that a test need not wait half a minute for a dead owner; CRASH_ANSWER_SECONDS is
how long Redis and MySQL are waited for. CRASH_DEADLY_IP is an address that kills the engine whenever it is about to be
written.
"""

import os

from engine.cli import main
from tests.faults.control import ANSWER_VARIABLE, DEADLY_VARIABLE, LEASE_VARIABLE, Asking
from tests.faults.points import hasten, hurry, install, poison

if __name__ == "__main__":
    install(Asking(os.environ))
    if LEASE_VARIABLE in os.environ:
        hasten(float(os.environ[LEASE_VARIABLE]))
    if ANSWER_VARIABLE in os.environ:
        hurry(float(os.environ[ANSWER_VARIABLE]))
    if DEADLY_VARIABLE in os.environ:
        poison(os.environ[DEADLY_VARIABLE])
    main()
