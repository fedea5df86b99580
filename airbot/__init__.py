"""airbot answers an Airbnb host's guests with the host's own AI."""

__version__ = "0.1.0"
