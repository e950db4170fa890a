"""The HTTP interface and its page (extra `serve`). Nothing else imports Starlette or uvicorn."""

from swath.serving.http.app import make_app
from swath.serving.http.limits import Limits
from swath.serving.http.server import bind, is_loopback, run
from swath.serving.http.service import Service

__all__ = ["Limits", "Service", "bind", "is_loopback", "make_app", "run"]
