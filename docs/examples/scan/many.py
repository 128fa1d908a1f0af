"""Which plane of each of a million vCPUs would run: whole arrays, one thread and two."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from planesched import VM, pick_many

vm = VM("vsm_locked", planes=3, vcpus=1_000_000)
state = vm.state
state["runnable"] = np.arange(len(state)) % 8
state["locked"][::3] = 0b100

# One word in each 32 bytes: any strides do, and nothing is copied as a whole.
picked = pick_many(state["runnable"], vm.policy, locked=state["locked"])
planes, vcpus = np.unique(picked, return_counts=True)
for plane, n in zip(planes, vcpus, strict=True):
    print(f"plane {plane:2}: {n:6} vCPUs" if plane >= 0 else f"nobody:   {n:6} vCPUs")

# Without the GIL: each thread has its own part of the same arrays.
again = np.empty_like(picked)


def pick(part: slice) -> None:
    pick_many(state["runnable"][part], vm.policy, state["locked"][part], out=again[part])


with ThreadPoolExecutor(2) as pool:
    list(pool.map(pick, [slice(500_000), slice(500_000, None)]))
print("two threads agree:", np.array_equal(picked, again))
