"""Errors, said in one shape: {code, message, needed, had}."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from worldmarkets.exchange.errors import UnitError, UnknownName
from worldmarkets.node.errors import DOOR_CODES, Refused
from worldmarkets.schemas.answers import Refusal

_WORDS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}
log = structlog.get_logger()


def answer_refused(request: Request[Any, Any, Any], error: Refused) -> Response[Refusal]:
    """Say what the door said, with its status."""
    return _answer(DOOR_CODES[error.code], error.code, error.message, error.needed, error.had)


def answer_unknown(request: Request[Any, Any, Any], error: UnknownName) -> Response[Refusal]:
    """Say that a name is none here."""
    return _answer(404, "UNKNOWN_NAME", str(error))


def answer_unit(request: Request[Any, Any, Any], error: UnitError) -> Response[Refusal]:
    """Say that a number is not one that is used here."""
    return _answer(400, "UNIT", str(error))


def answer_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Refusal]:
    """Say which parameter is wrong and why, or that there is no such page."""
    message = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        found = [f"{one.get('key', 'body')}: {one.get('message')}" for one in error.extra if isinstance(one, dict)]
        message = "; ".join(found) or message
    return _answer(error.status_code, _WORDS.get(error.status_code, "MALFORMED"), message)


def answer_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Refusal]:
    """Own up: the log says more."""
    log.error("request failed", path=request.url.path, exc_info=error)
    return _answer(500, "INTERNAL", "the venue could not answer this; it is logged")


def _answer(status: int, code: str, message: str, needed: int = 0, had: int = 0) -> Response[Refusal]:
    return Response(Refusal(code=code, message=message, needed=needed, had=had), status_code=status)


HANDLERS: ExceptionHandlersMap = {
    Refused: answer_refused,
    UnknownName: answer_unknown,
    UnitError: answer_unit,
    HTTPException: answer_http,
    Exception: answer_unexpected,
}

# What a route may say beside its answer.
_SAID = {
    400: "A parameter or the message is not what it has to be; `message` names it.",
    401: "No key signed this.",
    404: "There is no such asset, market, account or choice.",
    408: "The bundle has expired.",
    409: "The exchange does not take this deposit; `message` says why.",
    413: "The message is larger than what is read.",
    429: "Too much of one key, account or caller in this second.",
    503: "The venue does not take this now: it starts, stops, or has too much to do.",
}


def describe(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the errors of a route for the OpenAPI document."""
    return {status: ResponseSpec(Refusal, description=_SAID[status], generate_examples=False) for status in statuses}
