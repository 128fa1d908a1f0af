"""The core inside other people's frameworks. Nothing here is imported by the rest."""
