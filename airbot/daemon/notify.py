"""What the service manager is told (sd_notify), and what it told us."""

from __future__ import annotations

import os
import socket

from airbot.terminal import plain


class Notifier:
    """Speaks to `$NOTIFY_SOCKET`, if there is one.

    Takes the variables out of the environment: the browser would inherit them.
    """

    def __init__(self) -> None:
        address = os.environ.pop("NOTIFY_SOCKET", "")
        for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
            os.environ.pop(name, None)
        # A leading @ stands for an abstract socket's NUL.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, *lines: str) -> None:
        """Such as "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1"."""
        if not self._address:
            return
        # What Airbnb says may be among it: a line end would begin another message.
        said = "\n".join(plain(line) for line in lines)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
            try:
                messenger.sendto(said.encode(errors="replace"), self._address)
            except OSError:
                pass  # a manager that is gone is nothing that a host could mend
