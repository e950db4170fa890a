"""The same jobs on a cluster, by Ray. Nothing is imported before it is used."""

from swath.cluster.jobs import add

__all__ = ["add"]
