"""The host's AI, and how it is called. The only room that calls out.

    host.py  the webhook that the host runs
    wire.py  one POST: one deadline, one size, no redirect, no proxy

What the two say to each other is in contract/.
"""
