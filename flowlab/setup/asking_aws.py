"""One question to AWS at a time: an answer comes back, whatever AWS does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from flowlab.errors import FlowlabError
from flowlab.setup.inventory import Answer, Refusal
from flowlab.sources.aws import Access, code, explain, is_denied, reason

THREADS = 16  # more only makes AWS throttle
MOST_PAGES = 5_000


class Talk:
    """Questions that one thread puts to one account in one region, and the answers.

    Parameters
    ----------
    access : Access
    stop : Event
        Once set, nothing more is asked.
    """

    def __init__(self, access: Access, stop: threading.Event | None = None) -> None:
        self.access = access
        self.answers: list[Answer] = []
        self._stop = stop or threading.Event()

    def client(self, service: str) -> Any:
        """Give a client; CloudWatch Logs' slows down by itself, as its quotas are low."""
        mode = "adaptive" if service == "logs" else "standard"
        return self.access.client(service, retries=mode, connections=THREADS)  # type: ignore[arg-type]

    def ask(
        self, ask: str, of: str, question: Callable[[], Any], absent: Collection[str] = ()
    ) -> Answer:
        """Put a question and keep its answer.

        Parameters
        ----------
        ask, of : str
            As in `Answer`.
        question : callable
            Asks AWS; gives the value.
        absent : collection of str
            AWS's error codes that say that there is no such thing: the value is None then.
        """
        if self._stop.is_set():
            raise InterruptedError
        try:
            answer = Answer(ask, of, plain(question()))
        except Exception as error:  # noqa: BLE001 - botocore's, the sign-in's, the socket's alike
            gone = code(error) in absent
            answer = Answer(ask, of, None, None if gone else self._refusal(error, ask, of))
        self.answers.append(answer)
        return answer

    def skip(self, ask: str, of: str, why: str) -> None:
        """Keep that a question was not put."""
        self.answers.append(Answer(ask, of, refusal=Refusal("not asked", why)))

    def pages(
        self,
        call: Callable[..., Any],
        must: str,
        *,
        send: str = "NextToken",
        receive: str = "NextToken",
        **asked: Any,
    ) -> Iterator[dict[str, Any]]:
        """Ask page by page.

        Parameters
        ----------
        call : callable
            Operation of a client.
        must : str
            What every page has. botocore takes an answer that breaks off for one that holds
            nothing (measured, 1.44).
        send, receive : str
            Where the place in the list stands, in the request and in a page.
        asked
            Arguments of every request.

        Raises
        ------
        FlowlabError
            The pages turn in a circle, or an answer is not AWS's.
        """
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            if self._stop.is_set():
                raise InterruptedError
            page = call(**asked)
            if must not in page:
                raise FlowlabError(
                    "an answer of AWS was cut off, or is not AWS's.",
                    "the connection broke, or a proxy or sign-in page stands between.",
                    "check the connection and ask again.",
                )
            yield page
            token = page.get(receive)
            if not token:
                return
            if token in seen:
                raise FlowlabError(
                    "AWS gave the same page token twice, so its pages would never end.",
                    fix="ask again later.",
                )
            seen.add(token)
            asked[send] = token
        raise FlowlabError(f"AWS's list does not end after {MOST_PAGES:,} pages.")

    def items(self, call: Callable[..., Any], key: str, **asked: Any) -> list[Any]:
        """Ask page by page; give what all pages list under a key."""
        return [item for page in self.pages(call, key, **asked) for item in page[key]]

    def _refusal(self, error: Exception, ask: str, of: str) -> Refusal:
        doing = f"{ask} of {of}" if of else ask
        if not is_denied(error):
            return Refusal("failed", reason(error, doing, self.access.profile))
        told = explain(error, doing, self.access.profile)  # its remedy is another: see verdicts
        return Refusal("denied", f"{told.what.rstrip('.')}; {told.why}")


def plain(value: Any) -> Any:
    """Turn an answer of boto3 into plain JSON: times in ISO 8601 and UTC, nothing about HTTP."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def document(policy: Any) -> Any:
    """Read a policy document: a dict; as text where it is no JSON object."""
    if not isinstance(policy, str):
        return policy
    text = unquote(policy) if policy.startswith("%") else policy
    try:
        read = json.loads(text)
    except ValueError:
        return text
    return read if isinstance(read, dict) else text
