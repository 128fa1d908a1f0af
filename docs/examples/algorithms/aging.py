"""Strict priority with aging: who waits gets on. Each vCPU remembers how long its planes waited."""

import numpy as np

from planesched import Algorithm, Engine, Event, Policy

SLICES_A_RANK = 4
"""Waiting so long makes up for one plane number."""


def aging(state: np.void, base: int, pre: int, event: Event, waited: np.ndarray) -> int:
    """Pick the first by number less age; who is picked is young again."""
    planes = [plane for plane in range(len(waited)) if (base | pre) >> plane & 1]
    if event == Event.RESCHED:
        waited[planes] += 1
    best = min(planes, key=lambda plane: (plane - int(waited[plane]) // SLICES_A_RANK, plane))
    waited[best] = 0
    return best


AGING = Algorithm(aging, memory=np.zeros(16, np.int32))


def main() -> None:
    for algorithm in ("rank", AGING):
        policy = Policy.preset("kvm_planes", planes=3).replace(algorithm=algorithm)
        engine = Engine(policy, planes=3, busy=[0, 1, 2], slice_ns=100_000)
        for plane in (1, 2):
            engine.at(0, 0, "start", plane)
        engine.advance(100_000_000)
        ran = engine.stats().running_ns
        shares = "  ".join(f"plane {plane}: {ran[plane] / 1e8:.1%}" for plane in range(3))
        print(f"{'aging' if algorithm is AGING else algorithm:12s} {shares}")


if __name__ == "__main__":
    main()
