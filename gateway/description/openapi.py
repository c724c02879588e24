"""REST as OpenAPI 3.1: from the routes that the application has, what each takes and answers, and the table of weights.

What a route is for is the first line of its handler.
"""

import re
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from gateway.description.routes import ROUTES, SOCKET, Route
from gateway.description.schemas import Rows, Schema, Schemas
from gateway.identity.session_cookie import COOKIE, CSRF_HEADER, READS
from gateway.identity.signing import KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from gateway.limits.weights import operation_of_route
from gateway.market.public import program_version

SIGNED = {
    "key": (KEY_HEADER, "the id of a key"),
    "timestamp": (TIMESTAMP_HEADER, "milliseconds since 1970"),
    "nonce": (NONCE_HEADER, "used once"),
    "signature": (SIGNATURE_HEADER, "HMAC-SHA256 or Ed25519 of the canonical text that docs/api.md has"),
}
"""The headers that sign a request; all of them are needed."""
COOKIES = {
    "cookie": ("cookie", COOKIE, "of a browser that signed in: it stands for a key"),
    "csrf": ("header", CSRF_HEADER, "what GET /v1/session tells, beside the cookie, for whatever changes something"),
}
BUDGET_HEADERS = {
    "BWX-RateLimit-Limit": "the budget of the account",
    "BWX-RateLimit-Remaining": "what is left of it",
    "BWX-RateLimit-Reset": "seconds until it is full again",
}
REFUSAL: Schema = {"$ref": "#/components/responses/Refusal"}


def openapi(router: web.UrlDispatcher) -> Schema:
    """The whole document."""
    schemas = Schemas(_models())
    paths: dict[str, Schema] = {}
    for method, path, handler in described(router):
        key = f"{method} {path}"
        operation = _socket() if key == SOCKET else _operation(schemas, method, path, ROUTES[key])
        operation |= {"summary": _first_line(handler), "operationId": _name(method, path)}
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": info("REST doors of the bandwidth exchange"),
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {"Refusal": _refusal()},
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": header, "description": what}
                for name, (header, what) in SIGNED.items()
            }
            | {
                name: {"type": "apiKey", "in": place, "name": each, "description": what}
                for name, (place, each, what) in COOKIES.items()
            },
        },
    }


def described(router: web.UrlDispatcher) -> Iterator[tuple[str, str, Any]]:
    """Method, path and handler of every route of the doors."""
    for route in router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if path.startswith("/v1/") and route.method != "HEAD":
            yield route.method, path, route.handler


def info(title: str) -> Schema:
    """What a document is of."""
    return {"title": title, "version": program_version(), "description": "docs/api.md tells all of it to people."}


def _models() -> Iterator[type[BaseModel]]:
    for route in ROUTES.values():
        yield route.query
        if route.body is not None:
            yield route.body
        if isinstance(route.answer, Rows):
            yield route.answer.model
        elif route.answer is not None:
            yield route.answer


def _operation(schemas: Schemas, method: str, path: str, route: Route) -> Schema:
    content = {"application/json": {"schema": schemas.answer(route.answer)}}
    if route.text_type:
        content[route.text_type] = {"schema": {"type": "string"}}
    answer: Schema = {"description": "done", "content": content}
    if route.roles:
        answer["headers"] = {
            name: {"schema": {"type": "integer"}, "description": what} for name, what in BUDGET_HEADERS.items()
        }
    found: Schema = {
        "tags": [_tag(path)],
        "parameters": [*_path_parameters(path), *_query_parameters(schemas.whole(route.query))],
        "responses": {str(status): answer for status in route.statuses} | {"4XX": REFUSAL, "5XX": REFUSAL},
        "security": _security(method, route),
        "x-weight": operation_of_route(method, path).weight,
    }
    if route.body is not None:
        body = {"application/json": {"schema": schemas.of(route.body)}}
        found["requestBody"] = {"required": True, "content": body}
    return found


def _security(method: str, route: Route) -> list[Schema]:
    """A signature by one of the roles, or the cookie of a browser that stands for such a key."""
    roles = [role.value for role in route.roles]
    names = COOKIES if method not in READS else ("cookie",)
    by_cookie = dict.fromkeys(names, roles)
    if route.is_by_cookie:
        return [by_cookie]
    return [dict.fromkeys(SIGNED, roles), by_cookie] if roles else []


def _socket() -> Schema:
    """The one route that is none of REST."""
    upgraded = {"description": "a WebSocket is open: /v1/asyncapi.json has what is said on it"}
    return {"tags": ["ws"], "responses": {"101": upgraded, "4XX": REFUSAL, "5XX": REFUSAL}, "security": []}


def _refusal() -> Schema:
    schema = {"$ref": "#/components/schemas/Refusal"}
    seconds = {"schema": {"type": "integer"}, "description": "seconds, of a request that was one too many"}
    return {
        "description": "refused by name: nothing was changed",
        "headers": {"Retry-After": seconds},
        "content": {"application/json": {"schema": schema}},
    }


def _path_parameters(path: str) -> list[Schema]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(schema: Schema) -> list[Schema]:
    """A field of a query may be left out; it is never null."""
    required = schema.get("required", ())
    found = []
    for name, field in schema.get("properties", {}).items():
        given = [each for each in field.get("anyOf", ()) if each != {"type": "null"}]
        described = given[0] if given else {key: value for key, value in field.items() if value is not None}
        found.append({"name": name, "in": "query", "required": name in required, "schema": described})
    return found


def _first_line(handler: Any) -> str:
    return str(handler.__doc__ or "").split("\n")[0]


def _name(method: str, path: str) -> str:
    """A name for an operation, as programs that make clients need one."""
    words = re.findall(r"[a-z0-9]+", path.removeprefix("/v1/").lower())
    return "_".join([method.lower(), *words])


def _tag(path: str) -> str:
    return path.split("/")[2]
