"""What senders send."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..core import MAX_SENDS
from ..errors import Mistake
from ..protocol import send_numbers

__all__ = ["Sent", "parse_sends"]


@dataclass(frozen=True)
class Sent:
    """What one sender sends, again and again or once.

    Parameters
    ----------
    kind : {"irq", "nmi"}
        What is posted.
    plane : int
        For which plane.
    kicked, posted : bool
        Whether a kick follows, and whether there is a posting at all (else: a kick alone).
    """

    kind: str
    plane: int
    kicked: bool = True
    posted: bool = True

    def __str__(self) -> str:
        more = "" if self.kicked and self.posted else " unkicked" if self.posted else " kick only"
        return f"{self.kind} {self.plane}{more}"

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """As C holds it."""
        return send_numbers(self.kind, self.plane, kicked=self.kicked, posted=self.posted)


def parse_sends(sends: str | Iterable[str | Sent]) -> tuple[Sent, ...]:
    """Read what senders send: ``"irq 1, nmi 0 unkicked"``, or one str or `Sent` each.

    Raises
    ------
    Mistake
        If one is not ``irq`` or ``nmi`` with a plane, or there are none or too many.
    """
    words = sends.split(",") if isinstance(sends, str) else list(sends)
    found = tuple(word if isinstance(word, Sent) else _sent(word) for word in words)
    if not 1 <= len(found) <= MAX_SENDS:
        raise Mistake("sends", sends, f"1 to {MAX_SENDS} of them")
    return found


def _sent(word: str) -> Sent:
    kind, plane, *more = [*word.split(), "", ""][: max(2, len(word.split()))]
    how = {"": (True, True), "unkicked": (False, True), "kick only": (True, False)}
    if kind not in ("irq", "nmi") or not plane.isdecimal() or " ".join(more) not in how:
        raise Mistake(
            "sends",
            word.strip(),
            "irq or nmi and a plane, as 'irq 1', with 'unkicked' or 'kick only' after it where "
            "that is so",
        )
    return Sent(kind, int(plane), *how[" ".join(more)])
