"""Torch modules and the recipes that put them together."""
