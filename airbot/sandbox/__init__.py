"""A simulated Airbnb on loopback: for tests, for `airbot demo`, never for a guest."""
