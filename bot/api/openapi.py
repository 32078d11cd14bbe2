"""/openapi.json: the table of routes as an OpenAPI 3.1 document. Knows the rows and nothing behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter

from bot.api import errors
from bot.api.routing import Route
from bot.api.shapes import Problem

_REF = "#/components/schemas/{model}"
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "public": [],
    "own page": [],
    "customer": [{"visitor": []}],
}


def document(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """The whole document, JSON-ready."""
    rows = list(routes)
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
    cookie = {"type": "apiKey", "in": "cookie", "name": "__Host-deskhand"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Deskhand", "version": version, "description": "Customer service chat."},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "visitor": {"type": "http", "scheme": "bearer"},
                "session": {
                    **cookie,
                    "description": "Over http named deskhand; unsafe methods need X-Deskhand: 1.",
                },
            },
        },
    }


def problem_statuses(row: Route) -> list[int]:
    """Every error status that a row may answer with."""
    found = {503, *row.problems}
    if isinstance(row.access, tuple):
        found |= {401, 403}
    if row.access == "own page" or row.socket:
        found |= {403}
    if row.access == "customer":
        found |= {401, 429}
    if "{" in row.path:
        found |= {404}
    if row.method != "GET":
        found |= {400, 408, 413, 415, 422}
    if row.query.model_fields or row.method == "GET":
        found |= {422}
    return sorted(found)


def _operation(row: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": row.handler.__name__,
        "summary": row.summary,
        "security": _SECURITY.get(row.access, []) if isinstance(row.access, str) else [{"session": []}],
        "responses": {str(status): _response(model, schemas) for status, model in row.responses.items()},
    }
    if isinstance(row.access, tuple):
        said["x-roles"] = list(row.access)
    if parameters := _parameters(row, schemas):
        said["parameters"] = parameters
    if row.has_body:
        content = {"application/json": {"schema": _schema(row.body, schemas, "validation")}}
        said["requestBody"] = {"required": True, "content": content}
    if row.raw:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        said["requestBody"] = {"required": True, "content": content}
    if row.socket:
        said["x-websocket"] = {
            "takes": _schema(row.commands, schemas, "validation"),
            "sends": _schema(row.events, schemas, "serialization"),
        }
    problem = {errors.CONTENT_TYPE: {"schema": _schema(Problem, schemas, "serialization")}}
    for status in problem_statuses(row):
        said["responses"][str(status)] = {"description": "Problem", "content": problem}
    return said


def _response(model: type[BaseModel] | None, schemas: dict[str, Any]) -> dict[str, Any]:
    if model is None:
        return {"description": "No JSON body"}
    schema = _schema(model, schemas, "serialization")
    media = getattr(model, "media", "application/json")
    return {"description": (model.__doc__ or "").strip(), "content": {media: {"schema": schema}}}


def _parameters(row: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    uuid = {"type": "string", "format": "uuid"}
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": uuid}
        for name in re.findall(r"{(\w+)}", row.path)
    ]
    fields = row.query.model_json_schema(ref_template=_REF)
    schemas.update(fields.pop("$defs", {}))
    required = set(fields.get("required", ()))
    for name, schema in fields.get("properties", {}).items():
        found.append({"name": name, "in": "query", "required": name in required, "schema": schema})
    return found


def _schema(kind: Any, schemas: dict[str, Any], mode: Any) -> dict[str, Any]:
    """A reference to the kind's schema, which is put among the components with all it needs."""
    found = TypeAdapter(kind).json_schema(ref_template=_REF, mode=mode)
    schemas.update(found.pop("$defs", {}))
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return found
    schemas[kind.__name__] = found
    return {"$ref": _REF.format(model=kind.__name__)}
