"""What the tests share; no tests."""
