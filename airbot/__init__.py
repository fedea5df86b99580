"""airbot answers an Airbnb host's guests with the host's own AI."""

__version__ = "0.2.0"
