"""The one exception family: each message says what was wrong, where, and what to do."""


class SwathError(Exception):
    """Base of everything that swath raises on purpose.

    `exit_code` is what the command line ends with (docs/cli.md lists them).
    """

    exit_code = 1


class InputError(SwathError):
    """What the user gave cannot be used: an option, a query, a spec, an expression, a recipe."""

    exit_code = 2


class SpecError(InputError):
    """A pipeline spec that does not parse or names parts that do not exist."""


class ExpressionError(InputError):
    """A filter expression that does not parse or does not fit the attributes; points at the place."""


class RecipeError(InputError):
    """A recipe with an unknown key, a missing part or a value of the wrong type."""


class ArchiveError(SwathError):
    """An archive that is missing, damaged, of another format, or in use by another writer."""

    exit_code = 2


class EncoderError(SwathError):
    """An encoder that is missing, damaged, or not the one that made the archive."""

    exit_code = 2


class ImageryError(SwathError):
    """A picture or raster that cannot be read. Among many, the file is skipped, counted and listed."""


class CaptionsError(SwathError):
    """A captioned data set that is not where, or not what, it was said to be."""

    exit_code = 2


class FetchError(SwathError):
    """A file that could not be fetched, or whose digest is not the pinned one."""


class ClusterError(SwathError):
    """A cluster that cannot be reached, whose workers do not fit, or that fails; the same command goes on."""
