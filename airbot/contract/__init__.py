"""What is said between airbot and an AI, whichever side of it speaks.

    payload.py  the question's JSON, and what each kind of answer means
    text.py     what an answer must be, whichever way it came
    tokens.py   the callback's address, a capability for one turn
    signing.py  Standard Webhooks, there and back

Nothing here calls anybody or is called: see ai/ and webhook/.
"""
