"""What a judge judges: one thing of one flow log. It fills in what its checks have in common."""

from __future__ import annotations

from dataclasses import dataclass

from flowlab.setup import verdicts
from flowlab.setup.inventory import Answer, Scope
from flowlab.setup.verdicts import Check, Link, Status


@dataclass(frozen=True)
class Subject:
    """A role, bucket or stream that a flow log uses."""

    scope: Scope
    flow_log: str
    resource: str
    link: Link

    def check(
        self,
        name: str,
        status: Status,
        evidence: str,
        cause: str = "",
        remedy: str = "",
        link: Link | None = None,
    ) -> Check:
        """Make a check of it."""
        return Check(
            self.resource,
            name,
            status,
            evidence,
            cause,
            remedy,
            link or self.link,
            self.flow_log,
            account_id=self.scope.account_id,
            region=self.scope.region,
        )

    def undecided(self, answer: Answer, name: str, link: Link | None = None) -> Check:
        """Make the check of what AWS did not answer."""
        return verdicts.undecided(
            self.scope, answer, self.resource, name, link=link or self.link, flow_log=self.flow_log
        )
