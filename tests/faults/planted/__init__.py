"""Bugs planted in the real source, one at a time, as patches that are kept: the tests must catch every one.

Each `*.patch` begins with a line `bug:`, which says what it breaks, and lines `test:`, which name the tests of which
one at least must fail. A patch that no longer applies is brought up to date, never dropped.
"""
