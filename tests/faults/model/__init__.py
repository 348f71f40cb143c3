"""The confirm protocol as a model: collector, queue, database and engines on a timeline of their own, with every fault.

What decides is the engine's own arithmetic (`engine.confirmation`); what surrounds it follows `engine.confirmer`,
`engine.fetcher` and `engine.ownership` call by call. One run is one seed, takes milliseconds, and replays exactly:
`python -m tests.faults.model --cell NAME --seed N --trace`.
"""
