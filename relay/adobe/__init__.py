"""Typed clients for Adobe's services."""
