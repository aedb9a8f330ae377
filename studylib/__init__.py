"""The study's library: what the notebooks call. Nothing is imported, downloaded or set here."""

__version__ = "0.1.0"
