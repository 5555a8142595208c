# SPDX-License-Identifier: GPL-2.0-only
"""What judges: reads what guests said and says what it means.

The scripts beside this package do things: they fetch, build, boot.  What they
get back (KTAP, consoles, the drivers' records) is read here, and nowhere else,
so that each rule has one place and tests without a guest.  The package uses the
standard library only, and runs with Python 3.11.
"""
