"""Data Prep's mapping language, evaluated locally (pure)."""
