"""A plain breadth-first search over the slow model of posting, kick and look."""

from collections import deque

from planesched import reference_kick as slow
from planesched.reference_kick import Kicked

SELF = -2
LOOKER = {"look", "take", "end", "check", "enter", "sleep", "answer", "poll", "restore"}


def begun_again(k: Kicked, *, repeat: bool) -> Kicked:
    """A sender that is over stands at its beginning, where it may send again."""
    if not repeat:
        return k
    over = [len(send.program(k.protocol)) for send in k.sends]
    places = [
        slow.Place() if place.done == end else place
        for place, end in zip(k.layer.places, over, strict=True)
    ]
    return k.with_layer(places=tuple(places))


def moves(k: Kicked, events, *, repeat: bool):
    named = [(event, k.current if plane == SELF else plane) for event, plane in events]
    for act, after in slow.possible(k, named):
        yield act, begun_again(after, repeat=repeat)


def search(root: Kicked, events, *, repeat: bool, most: int = 1_000_000):
    """Every state with its distance, and the length of a shortest way to each broken property."""
    depth = {(root.state, root.layer, False): 0}
    broken = dict.fromkeys(slow.broken_in(root), 0)
    queue = deque([(root, False)])
    while queue:
        k, restored = queue.popleft()
        at = depth[k.state, k.layer, restored]
        for act, after in moves(k, events, repeat=repeat):
            once = restored or act.name == "restore"
            if restored and act.name == "restore":
                continue
            for name in slow.broken_by(k, act, after):
                broken.setdefault(name, at + 1)
            key = (after.state, after.layer, once)
            if key in depth:
                continue
            depth[key] = at + 1
            assert len(depth) <= most
            for name in slow.broken_in(after):
                broken.setdefault(name, at + 1)
            queue.append((after, once))
    return depth, broken
