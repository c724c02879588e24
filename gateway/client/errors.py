"""What a client can be told.

ClientError
├── RefusedError         the exchange said no, and why
└── StreamClosedError    the connection ended; what was under way may or may not have happened
"""

from collections.abc import Mapping
from typing import Any, Self

from gateway.client.models import Alternatives


class ClientError(Exception):
    """Base of the client's errors; never raised itself."""


class RefusedError(ClientError):
    """A named refusal. `code` and `number` are stable, `message` is for people, `param` names the field at fault.

    An order that asked for them has `alternatives` when it was refused for want of margin.
    """

    def __init__(
        self,
        code: str,
        number: int,
        message: str,
        param: str | None,
        *,
        repeated: bool = False,
        alternatives: Alternatives | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.number = number
        self.message = message
        self.param = param
        self.repeated = repeated
        self.alternatives = alternatives
        self.retry_after_ms = retry_after_ms
        """Of `rate_limited`: when there is enough of the budget for the same request."""

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Self:
        """The refusal in an answer with an "error"."""
        error = answer["error"]
        repeated = bool(answer.get("repeated"))
        other = error.get("alternatives")
        alternatives = None if other is None else Alternatives.model_validate(other)
        terms = (error["code"], error["number"], error["message"], error["param"])
        return cls(*terms, repeated=repeated, alternatives=alternatives, retry_after_ms=error.get("retry_after_ms"))


class StreamClosedError(ClientError):
    """The connection ended with this close code. Connect again; retry what was under way under the same client id."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"the connection ended with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason
