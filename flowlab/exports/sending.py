"""Bulk requests: as many documents as fit, sent again where that helps, each one settled once."""

from __future__ import annotations

import json
import random
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flowlab.errors import FlowlabError
from flowlab.exports import answers
from flowlab.exports.shipment import Shipment

MOST_DOCUMENTS = 2_000  # of a request
LONGEST_WAIT = 60.0  # between two attempts [s]; a server's own Retry-After may be longer
_LONGEST_TOLD = 600.0  # that a server's word is followed [s]

pause = time.sleep


class Document(NamedTuple):
    """One document, written out."""

    id: str
    text: str

    @property
    def size(self) -> int:
        """Bytes in a request, with the line before it."""
        return len(self.text.encode()) + len(self.id) + 30


class Sender:
    """Sends documents to one index, and keeps the account.

    Parameters
    ----------
    client : opensearchpy.OpenSearch
    index : str
    shipment : Shipment
        Its counts are kept here.
    refused : Path
        File for the documents that are refused; made with the first of them.
    batch_bytes : int
        Largest request.
    retries : int
        Attempts after the first, as long as nothing moves.
    """

    def __init__(
        self, client: Any, index: str, shipment: Shipment, *, refused: Path, batch_bytes: int,
        retries: int,
    ) -> None:  # fmt: skip
        self._client, self._index, self._shipment = client, index, shipment
        self._refused, self._most, self._retries = refused, batch_bytes, retries

    def send(self, documents: Iterable[Document]) -> Iterator[int]:
        """Send documents and settle each of them; say how many, request by request.

        Raises
        ------
        FlowlabError
            The server cannot be reached, refuses us, or stays too busy.
        """
        for batch in self._batches(documents):
            self._deliver(batch)
            yield len(batch)

    def patiently(self, call: Any, doing: str) -> Any:
        """Make a call of the client, again and again while its trouble is one that passes.

        Raises
        ------
        FlowlabError
            It did not pass, or was of another kind; NotFoundError is the caller's.
        """
        from opensearchpy import NotFoundError, OpenSearchException

        attempt = 0
        while True:
            try:
                return call()
            except NotFoundError:
                raise
            except OpenSearchException as problem:
                passing = answers.status_of(problem) in answers.PASSING
                if not passing or attempt == self._retries:
                    raise answers.explain(problem, doing, attempt + 1) from None
                self._wait(attempt)
                attempt += 1

    def _batches(self, documents: Iterable[Document]) -> Iterator[list[Document]]:
        batch: list[Document] = []
        size = 0
        for document in documents:
            if batch and (size + document.size > self._most or len(batch) >= MOST_DOCUMENTS):
                yield batch
                batch, size = [], 0
            batch.append(document)
            size += document.size
        if batch:
            yield batch

    def _deliver(self, batch: list[Document]) -> None:
        waiting = deque([batch])
        attempt = 0
        while waiting:
            piece = waiting.popleft()
            size = sum(document.size for document in piece)
            fits = len(piece) == 1 or size <= self._most
            found = self._bulk(piece) if fits else []
            if not fits or (len(piece) > 1 and _too_large(found[0][1])):
                # What was too large once is not tried again in this run.
                self._most = min(self._most, size // 2) if fits else self._most
                middle = len(piece) // 2
                waiting.extendleft((piece[middle:], piece[:middle]))
                continue
            again, problem = self._settle(piece, found)
            if not again:
                attempt = 0
                continue
            attempt = 0 if len(again) < len(piece) else attempt
            if attempt == self._retries:
                raise answers.explain(problem, self._doing, attempt + 1)
            self._shipment.retried += len(again)
            self._wait(attempt)
            attempt += 1
            waiting.appendleft(again)

    def _bulk(self, piece: Sequence[Document]) -> list[tuple[bool, dict[str, Any]]]:
        """Send one request; the answer for each document, in their order."""
        from opensearchpy import OpenSearchException, helpers

        # streaming_bulk, as parallel_bulk loses documents that are refused with 429. Its own
        # retries would not heed Retry-After, nor cut a request that is too large: they are off.
        said = helpers.streaming_bulk(
            self._client,
            [({"create": {"_index": self._index, "_id": d.id}}, d.text) for d in piece],
            expand_action_callback=lambda pair: pair,
            chunk_size=len(piece),
            max_chunk_bytes=1 << 40,
            raise_on_error=False,
            raise_on_exception=False,
        )
        self._shipment.requests += 1
        try:
            found = [(ok, next(iter(item.values()))) for ok, item in said]
        except OpenSearchException as problem:
            raise answers.explain(problem, self._doing) from None
        except (TypeError, KeyError, AttributeError):
            found = []
        names = [answer.get("_id") for _, answer in found]
        if names != [d.id for d in piece]:
            raise FlowlabError(
                f"{self._doing}: {len(piece):,} documents were sent and the answer speaks of "
                f"{len(found):,}, or of others.",
                "a gateway answers in the server's place, or it is no Elasticsearch or OpenSearch.",
                "check to= with curl.",
            )
        return found

    def _settle(
        self, piece: Sequence[Document], found: Sequence[tuple[bool, dict[str, Any]]]
    ) -> tuple[list[Document], Any]:
        """Account for each document; give those to send again, and what kept them."""
        again: list[Document] = []
        problem: Any = None
        for document, (ok, answer) in zip(piece, found, strict=True):
            whole = answer.get("exception")  # of the request, not of this document
            status = answers.status_of(whole) if whole is not None else answer.get("status")
            if ok:
                self._shipment.shipped += 1
            elif status == 409 and whole is None:
                self._shipment.already_there += 1
            elif status in answers.PASSING:
                again.append(document)
                problem = whole if whole is not None else _Busy(answer)
            elif whole is not None and status != answers.TOO_LARGE:
                raise answers.explain(whole, self._doing) from None
            else:
                self._refuse(document, status, answer.get("error"))
        return again, problem

    def _refuse(self, document: Document, status: Any, error: Any) -> None:
        reason = answers.reason_of(error)
        if status == answers.TOO_LARGE:
            reason = f"larger than the server takes: {document.size:,} bytes"
        line = {
            "_id": document.id, "status": status, "reason": reason,
            "_source": json.loads(document.text),
        }  # fmt: skip
        try:
            with self._refused.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as problem:
            raise FlowlabError(
                f"{self._refused}: a refused document could not be kept: {problem.strerror}.",
                "the folder is not yours or not there, or the disk is full.",
                "pass refused= with a file in a folder that you may write to.",
            ) from problem
        self._shipment.refused += 1
        self._shipment.refused_file = self._refused
        self._shipment.why[(status, reason)] += 1

    def _wait(self, attempt: int) -> None:
        told = self._told_to_wait()
        backoff = min(LONGEST_WAIT, 2.0**attempt)
        # Others who were turned away at the same moment should not all come back at one.
        pause(told if told is not None else backoff * random.uniform(0.5, 1.0))  # noqa: S311

    def _told_to_wait(self) -> float | None:
        for connection in self._client.transport.connection_pool.connections:
            told = getattr(connection, "retry_after", None)  # only our own class has it
            if told and told.isdigit():
                connection.retry_after = None
                return min(float(told), _LONGEST_TOLD)
        return None

    @property
    def _doing(self) -> str:
        return f"writing to index {self._index} at {self._shipment.to}"


def _too_large(answer: dict[str, Any]) -> bool:
    """Whether it was the whole request that the server found too large."""
    whole = answer.get("exception")
    return whole is not None and answers.status_of(whole) == answers.TOO_LARGE


class _Busy:
    """One document was turned away for now."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status_code = answer.get("status")
        self.info = {"error": answer.get("error")}
