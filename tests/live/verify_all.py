"""Hold the core against planes on this host's KVM: every preset, 2 and 3 planes. For ``.ci/run``.

At least 100,000 acts in all. Where no plane can run, it says why, and that is all.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor

from planesched import presets
from planesched.live import Verified, probe, verify

ACTS = 100_000


def one(job: tuple[str, int, int]) -> Verified:
    """Verify one preset."""
    preset, planes, acts = job
    return verify(preset, planes, acts, seed=planes)


def main() -> int:
    """Verify all; the exit status is 1 if anything differs."""
    host = probe()
    if host.lacks:
        print(f"live verify not run: {host.lacks}")
        return 0
    began = time.monotonic()
    kinds = [(preset, planes) for preset in presets() for planes in (2, 3)]
    acts = -(-ACTS // len(kinds))
    with ProcessPoolExecutor(host.cpus) as pool:
        found = list(pool.map(one, [(*kind, acts) for kind in kinds]))
    wrong = [each for each in found if each.status]
    print(*wrong, sep="\n\n", end="\n" if wrong else "")
    print(
        f"live verify: {sum(each.acts for each in found):,} acts, "
        f"{sum(each.vectors for each in found):,} vectors taken, {len(kinds)} times a preset, "
        f"{len(wrong)} differ, {time.monotonic() - began:.0f} s; {host.facts()['KVM']}; "
        f"{host.facts()['local APIC']}"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
