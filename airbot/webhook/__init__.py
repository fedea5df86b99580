"""The webhook: the AI's answers come in here. Bottle on waitress, in its own threads.

    POST /api/ai/webhook-simple
    {"conversation_id": "TWVz...", "message": "Yes, it is.", "sender": "AI"}
    -> 200 {"success": true, "outbox_id": "<uuid>", "status": "pending", ...}

It stores and wakes SEND; it never touches the browser. Whatever is wrong is answered as
`{"success": false, "error": "<one sentence>"}`. A local API can be reached by every web
page that is open on this machine, so `Host` must be one of ours, the content type must
be JSON, browsers are refused, and a call without the turn's token, a secret or its
signature must come from this machine.

    callers.py  who may call
    form.py     what a call must look like
    app.py      which turn a call answers, and what becomes of it
"""

from __future__ import annotations

from airbot.webhook.app import Webhook

__all__ = ["Webhook"]
