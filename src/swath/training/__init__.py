"""Recipes to runs, runs to encoders. Needs torch: import the modules that you use."""
