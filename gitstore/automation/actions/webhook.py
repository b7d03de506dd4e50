"""The action `webhook`: a CloudEvent as the body of a POST, signed as Standard Webhooks say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gitstore.automation.actions import cloud_event
from gitstore.automation.actions.http_post import AddressRefused, CannotPost, HttpAnswer, post
from gitstore.automation.actions.result import ActionResult
from gitstore.automation.rules import WebhookAction, secret_problem
from gitstore.errors import GitstoreError
from gitstore.outbox.events import ModelEvent

MOST_WAIT = 24 * 3600.0
"""The longest that a receiver can make us wait with `Retry-After`, in seconds."""

_MOST_SECRET = 4096
_GONE = 410


def deliver(
    action: WebhookAction, event_id: str, event: ModelEvent, *, source: str, now: int
) -> ActionResult:
    """Send an event once. `now` is the time in microseconds, which the signature covers.

    Any status of 200 to 299 is a success. A redirect is a failure, so that a receiver cannot send the event
    elsewhere. 410 means that the receiver wants no more of it. Raises `GitstoreError` if the secret cannot
    be read.
    """
    body = cloud_event.encode(event_id, event, source=source)
    headers = {
        "Content-Type": cloud_event.CONTENT_TYPE,
        "User-Agent": "gitstore",
        **sign(_read_secret(action), event_id, body, now=now),
    }
    try:
        answer = post(action.url, body, headers, timeout=action.timeout, allow_private=action.allow_private)
    except AddressRefused as error:
        return ActionResult("failed", str(error), final=True)
    except CannotPost as error:
        return ActionResult("failed", str(error))
    return _judge(answer)


def sign(secret: str, event_id: str, body: bytes, *, now: int) -> dict[str, str]:
    """Return the headers of Standard Webhooks for a body. Raises `GitstoreError` without the library."""
    try:
        from standardwebhooks import Webhook
    except ImportError as error:
        raise GitstoreError(
            "webhooks need the library standardwebhooks", "pip install gitstore[store]"
        ) from error
    sent = datetime.fromtimestamp(now // 1_000_000, UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(now // 1_000_000),
        "webhook-signature": Webhook(secret).sign(event_id, sent, body.decode()),
    }


def _judge(answer: HttpAnswer) -> ActionResult:
    status = f"{answer.status} {answer.reason}".strip()
    if 200 <= answer.status < 300:
        return ActionResult("delivered", status)
    if 300 <= answer.status < 400:
        return ActionResult("failed", f"{status}: redirects are not followed", final=True)
    if answer.status == _GONE:
        return ActionResult("failed", f"{status}: the receiver wants no more of it", final=True)
    wait = min(answer.retry_after, MOST_WAIT) if answer.retry_after is not None else None
    return ActionResult("failed", status, wait=wait)


def _read_secret(action: WebhookAction) -> str:
    if action.secret is not None:
        return action.secret
    path = Path(action.secret_file or "")
    try:
        with path.open("rb") as file:
            secret = file.read(_MOST_SECRET).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise GitstoreError(f"the secret in {path} cannot be read: {error}") from error
    if secret_problem(secret) is not None:
        raise GitstoreError(f"{path} has no secret", "write whsec_ and at least 24 bytes in base64 into it")
    return secret
