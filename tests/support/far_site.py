"""The simulated site and the AI in a process of their own, apart from airbot's.

    with Worlds() as far:
        world = far.World(20)
        world.guest_writes("Is parking free?")

So that what airbot costs is airbot's alone.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from multiprocessing.managers import BaseManager

from airbot.sandbox.ai import DemoAI
from airbot.sandbox.site import AirbnbSite


class World:
    """Its methods take and give plain values: they are called over a socket."""

    def __init__(self, threads: int) -> None:
        running = ExitStack()  # until the process ends
        self.site = running.enter_context(AirbnbSite())
        self.ai = running.enter_context(DemoAI())
        self.ai.mode = "inline"
        self.ai.answer = lambda q: "".join(f"|{m['text']}|" for m in q["messages"])
        self.threads = [self.site.add_thread(f"Guest {n}") for n in range(threads)]

    def urls(self) -> tuple[str, str]:
        return self.site.url, self.ai.url

    def now(self) -> float:
        return self.site.now()

    def advance(self, seconds: float) -> None:
        self.site.clock_offset_s += seconds

    def furnish(self, messages: int) -> list[str]:
        """Let each guest have been answered so often; the threads' ids."""
        for number, thread in enumerate(self.threads):
            at = datetime.now(UTC) - timedelta(minutes=10 * number + 10)
            for index in range(messages):
                writes = self.site.host_writes if index % 2 else self.site.guest_writes
                writes(thread, f"Some words of message {index}. " * 4, at=at)
        return [thread.id for thread in self.threads]

    def guest_writes(self, text: str, number: int | None = None) -> None:
        chosen = random.choice(self.threads) if number is None else self.threads[number]
        self.site.guest_writes(chosen, text)

    def host_writes(self, text: str, number: int) -> None:
        self.site.host_writes(self.threads[number], text)

    def trouble(self, **switches: object) -> None:
        for name, value in switches.items():
            setattr(self.site.trouble, name, value)

    def clear_trouble(self) -> None:
        self.site.clear_trouble()

    def new_deploy(self) -> None:
        self.site.new_deploy()

    def silent_ai(self) -> None:
        self.ai.mode = "silent"

    def asked(self) -> list[str]:
        """The addresses that answers to the questions so far go to."""
        return [str(question["callback_url"]) for question in self.ai.asked]

    def posted(self) -> list[str]:
        return [message.text for message in self.site.posted()]


class Worlds(BaseManager):
    """Starts worlds in another process."""


Worlds.register("World", World)
