"""What to answer and why not: plain values in, a decision with its reason out.

Nothing here reads a clock, a page or a database.

    rules.py      what the host's settings say about answering
    turns.py      which guest texts are unanswered, may this reply be sent
    proof.py      what a reading proves about a reply, and what follows
    scheduled.py  was a text sent by Airbnb's clock, or by a person (wordlists.py)
    pace.py       the hourly limits, and the wait after a try that failed
    states.py     which state may become which, by whose hand; what is under way
    verbs.py      what a person may do to a reply or a turn
"""
