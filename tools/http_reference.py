"""The reference of the HTTP API, docs/api/http.md, written from the application's OpenAPI document.

python -m tools.http_reference            writes it
python -m tools.http_reference --check    1 when the page is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from worldmarkets.api.http.app import make_app, make_document
from worldmarkets.node.errors import DOOR_CODES
from worldmarkets.node.metrics import Metrics

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/api/http.md"
HEAD = """# The HTTP API

On port 8000. Answers are JSON; every number is a whole one or a decimal as text, never a float; times are milliseconds
since 1970, UTC. No read needs a key: portfolios are public. Every command needs a [signature](../spec/signing.md). The
same as an OpenAPI document, with the schemas of every command, is served at `/openapi.json`. This page is written from
it by `python -m tools.http_reference`.

```sh
curl 'localhost:8000/v1/book?market=ETH/USDM&depth=5'
curl 'localhost:8000/v1/candles?market=ETH-PERP&interval=5m&limit=12'
curl 'localhost:8000/v1/accounts/0x1a642f0e3c3af545e7acbd38b07251b3990914f1/0/history?topic=trades'
curl --data @signed-bundle.json localhost:8000/v1/commands
```

## Errors

An error is `{"code": ..., "message": ..., "needed": ..., "had": ...}`; the numbers are those of the limit, 0 where
there is none. A command that was taken and broke a rule of the exchange is no error: its receipt has the
[code](../spec/codes.md) of the rule, and is not `accepted`.

| code | status |
|---|---|
"""
PAGES = """
A list that grows comes in pages: `next` of an answer is what `after` (or, of the past, `before`) is for the page behind
it, and null on the last one.
"""
METRICS = """
## Metrics

What `/metrics` says, for Prometheus. Counts are since the start of the process; `_seconds` are histograms.

| metric | |
|---|---|
"""


def write_page() -> str:
    """Return the page as it has to be."""
    # The document needs no node: only what the application is made with.
    node = cast(Any, SimpleNamespace(config=SimpleNamespace(limits=SimpleNamespace(message_bytes=1 << 18))))
    document = make_document(make_app(node, cast(Any, None)))
    schemas = document["components"]["schemas"]
    parts = [HEAD]
    own = {"NOT_FOUND": 404, "METHOD_NOT_ALLOWED": 405, "INTERNAL": 500}
    parts += [f"| `{code}` | {status} |\n" for code, status in {**DOOR_CODES, **own}.items()]
    parts.append(PAGES)
    used: list[str] = []
    for tag in document["tags"]:
        parts.append(f"\n## Requests: {tag['name']}\n\n{tag['description']}\n")
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if operation["tags"] == [tag["name"]]:
                    parts.append(_write_operation(method, path, operation, used))
    parts.append(METRICS + "".join(f"| `{name}` | {what} |\n" for name, what in find_metrics()))
    parts.append("\n## Answers\n")
    for name in used:  # grows while it is walked: an answer names what it is made of
        parts.append(_write_schema(name, schemas[name], used))
    return "".join(parts)


def find_metrics() -> list[tuple[str, str]]:
    """Return the name and the meaning of every metric of a server."""
    from worldmarkets.api.server import GAUGES
    from worldmarkets.node.node import GAUGES as OF_NODE

    metrics = Metrics()
    for name, what in (*OF_NODE, *GAUGES):
        metrics.add_gauge(name, what, lambda: 0.0)
    return metrics.describe_all()


def _write_operation(method: str, path: str, operation: dict[str, Any], used: list[str]) -> str:
    said = " ".join(operation["description"].split("\n\n")[0].split())
    lines = [f"\n### {method.upper()} {path}\n\n{said}\n"]
    for more in operation["description"].split("\n\n")[1:]:
        lines.append(f"\n{' '.join(more.split())}\n")
    parameters = operation.get("parameters", [])
    if parameters:
        lines.append("\n| parameter | | |\n|---|---|---|\n")
    for parameter in parameters:
        schema = parameter["schema"]
        default = schema.get("default")
        rest = "needed" if parameter.get("required") else "" if default in ("", None) else f"{default} if left out"
        if default is not None and default == 1 << 62:
            rest = ""
        about = parameter.get("description") or schema.get("description", "")
        lines.append(f"| `{parameter['name']}` | {about}{_write_bounds(schema)} | {rest} |\n")
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        lines.append(f"\nThe body is a {_write_type(body.get('allOf', [body])[0], used)}.\n")
    answer = operation["responses"]["200"].get("content", {})
    kinds = [_write_type(one["schema"], used) if kind == "application/json" else kind for kind, one in answer.items()]
    others = ", ".join(status for status in sorted(operation["responses"]) if status != "200")
    lines.append(f"\nAnswers with {' or '.join(kinds)}{f'; or {others}' if others else ''}.\n")
    return "".join(lines)


def _write_bounds(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None or high is None or high > 1 << 20:
        return ""
    return f" ({low} to {high})"


def _write_schema(name: str, schema: dict[str, Any], used: list[str]) -> str:
    about = " ".join(schema.get("description", "").split())
    lines = [f"\n### {name}\n\n{about}\n\n| field | | |\n|---|---|---|\n"]
    for field, one in schema.get("properties", {}).items():
        what = one.get("description", "")
        if "$ref" in one or what == about:
            what = ""
        lines.append(f"| `{field}` | {_write_type(one, used)} | {what} |\n")
    return "".join(lines)


def _write_type(schema: dict[str, Any], used: list[str]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in used:
            used.append(name)
        return f"[{name}](#{name.lower()})"
    for union in ("oneOf", "anyOf"):
        if union in schema:
            if len(schema[union]) > 6:
                return "[command](../spec/signing.md)"
            return " or ".join(_write_type(one, used) for one in schema[union])
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_write_type(schema.get('items', {}), used)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_write_type(schema['additionalProperties'], used)}"
    if schema.get("const") is not None:
        return f"`{schema['const']}`"
    return str(kind)


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    page = write_page()
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        print(f"{PAGE}: not what the application is; run python -m tools.http_reference")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
