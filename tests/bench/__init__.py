"""What airbot costs; `python tests/bench` runs it."""
