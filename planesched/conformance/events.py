"""Events as case files write them."""

from ..errors import Mistake
from ..events import event_number, takes_plane
from ..policy import Policy

__all__ = ["read_event"]


def read_event(policy: Policy, planes: int, do: str) -> tuple[int, int | None]:
    """Read ``"irq 1"``: the event's number, and its plane if it takes one."""
    name, *words = do.split() or [""]
    event = event_number(name)
    needed = int(takes_plane(event, call_takes_plane=policy.hands_over))
    numbers = [word for word in words if word.isdecimal() and int(word) < planes]
    if len(words) != needed or numbers != words:
        wanted = f"a plane in 0..{planes - 1} after it" if needed else "no plane after it"
        raise Mistake("do", do, wanted)
    return event, int(words[0]) if needed else None
