"""The real pipeline on in-memory servers and a simulated clock, under every fault the seed asks for.

One run is one seed: it decides the size of the world, the faults and trio's schedule, takes some milliseconds for
minutes of simulated time, and replays exactly: `python -m tests.faults.simulation --seed N -v` prints what happened.
"""
