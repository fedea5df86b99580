"""The porch of every page and port: what comes in over the network comes through it.

    server.py    waitress in a thread of its own, and what it bears of a connection
    app.py       an application: found by its own names alone, its errors one sentence
    request.py   what a request says: its headers, whose page sent it, its JSON
    response.py  what is answered: pages, JSON, and a sentence for what is refused

Which address, which secret and which callers are each room's own.
"""
