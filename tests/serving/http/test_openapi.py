"""The description is valid OpenAPI, describes every route, and what the routes answer fits it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra serve")
validator = pytest.importorskip("openapi_spec_validator", reason="needs openapi-spec-validator (extra dev)")

from jsonschema import Draft202012Validator  # noqa: E402
from starlette.routing import Mount, Route  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from tests.serving.http.helpers import app_of, client_of  # noqa: E402


@pytest.fixture(scope="module")
def client(town: Path) -> Iterator[TestClient]:
    with client_of(town / "town.swath") as client:
        yield client


@pytest.fixture(scope="module")
def description(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def test_it_is_valid(description: Any) -> None:
    validator.validate(description)
    assert description["openapi"].startswith("3.1")


def test_it_describes_every_route(town: Path, description: Any) -> None:
    described = {
        (path, method.upper()) for path, methods in description["paths"].items() for method in methods
    }
    for route in app_of(town / "town.swath").routes:
        if isinstance(route, Mount):
            assert ("/page/{file}", "GET") in described
            continue
        assert isinstance(route, Route) and route.methods
        for method in route.methods - {"HEAD"}:
            assert (route.path, method) in described
    assert len(described) == 16


def test_what_comes_fits_its_schema(client: TestClient, description: Any) -> None:
    tile = client.get("/search?text=red&k=1").json()["hits"][0]["id"]
    answers = {
        "Hits": client.get("/search?text=red&k=3&explain=true"),
        "Tiles": client.get("/tiles"),
        "TileDetails": client.get(f"/tiles/{tile}"),
        "Scenes": client.get("/scenes"),
        "Info": client.get("/info"),
        "Health": client.get("/healthz"),
        "Problem": client.get("/search"),
    }
    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
        Draft202012Validator(schema).validate(answer.json())


def test_every_parameter_is_understood(client: TestClient, description: Any) -> None:
    parameters = {one["name"] for one in description["paths"]["/search"]["get"]["parameters"]}
    page = (Path(__file__).parents[3] / "docs" / "serve.md").read_text()
    table = page.partition("Parameters of a search")[2].partition("## ")[0]
    assert parameters == set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE))
    for name in parameters:
        refused = client.get("/search", params={name: "\x00"})
        assert "unknown field" not in refused.text
    assert "unknown field" in client.get("/search?texts=a").text
