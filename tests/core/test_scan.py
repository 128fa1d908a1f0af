"""pick_many gives what the order of a policy says, whatever its arrays look like in memory."""

import threading
import tracemalloc

import numpy as np
import pytest

from planesched import MAX_PLANES, VM, Policy, pick_many, presets

ALL = np.arange(1 << 16, dtype=np.uint16)
LOCKS = (0x0000, 0xFFFF, 0x0001, 0x8000, 0x5A0F)
LOCKED = Policy(direction="highest_first", rank="locked", marker=3, boot=1)
# Longer than two of the buffers that arrays go through which are not plain.
MANY = np.random.default_rng(5).integers(1 << 16, size=2 * 3 * 30_011, dtype=np.uint16)
OTHERS = MANY[::-1].copy()


def first_of(masks, policy, locked=0):
    """Let each plane overwrite those that come after it."""
    out = np.full(masks.shape, -1, dtype=np.int8)
    names = [plane for plane in range(MAX_PLANES) if locked >> plane & 1]
    for plane in reversed(policy.order(range(MAX_PLANES), names)):
        out[masks >> plane & 1 == 1] = plane
    return out


def field(array):
    records = np.zeros(array.shape, dtype=[("x", "u1"), ("mask", array.dtype), ("y", "i8")])
    records["mask"] = array
    return records["mask"]


def spread(array, step):
    out = np.full(array.shape[0] * abs(step), 77, dtype=array.dtype)[::step]
    out[:] = array
    return out


def misaligned(array):
    out = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:].view(array.dtype)
    out[:] = array
    return out


def read_only(array):
    out = array.copy()
    out.flags.writeable = False
    return out


FORMS = {
    "plain": lambda array: array,
    "strided": lambda array: spread(array, 3),
    "reversed": lambda array: spread(array, -1),
    "field of a struct": field,
    "byte-swapped": lambda array: array.astype(array.dtype.newbyteorder()),
    "misaligned": misaligned,
    "read-only": read_only,
    "empty": lambda array: array[:0],
    "no dimension": lambda array: array[7, ...],
    "three dimensions": lambda array: array.reshape(2, 3, -1),
    "Fortran": lambda array: np.asfortranarray(array.reshape(6, -1)),
    "sliced": lambda array: array.reshape(6, -1)[1:5:2, ::-2],
    "transposed": lambda array: array.reshape(2, 3, -1).transpose(1, 2, 0),
    "one for all": lambda array: np.broadcast_to(array[0], (300, 300)),
}
READABLE = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
NAMES = [name for name in FORMS if name not in ("read-only", "one for all")]
WRITABLE = pytest.mark.parametrize("form", [FORMS[name] for name in NAMES], ids=NAMES)


@pytest.mark.parametrize("name", presets())
def test_all_masks_of_each_preset(name):
    policy = Policy.preset(name, MAX_PLANES)
    for locked in LOCKS:
        expected = first_of(ALL, policy, locked)
        assert np.array_equal(pick_many(ALL, policy, locked), expected)
        assert np.array_equal(pick_many(ALL, policy, np.full_like(ALL, locked)), expected)
    assert np.array_equal(pick_many(ALL, policy), first_of(ALL, policy))
    assert np.array_equal(pick_many(ALL, name, planes=MAX_PLANES), first_of(ALL, policy))


@READABLE
def test_candidates_of_any_form(form):
    masks = form(MANY)
    picked = pick_many(masks, Policy())
    assert (picked.shape, picked.dtype) == (masks.shape, np.int8)
    assert np.array_equal(picked, first_of(np.asarray(masks, dtype=np.uint16), Policy()))


@READABLE
def test_locked_of_any_form(form):
    masks, locked = form(MANY), form(OTHERS)
    expected = pick_many(MANY, LOCKED, OTHERS)
    shaped = np.broadcast_to(form(expected), masks.shape)
    assert np.array_equal(pick_many(masks, LOCKED, locked), shaped)
    assert np.array_equal(pick_many(masks.copy(), LOCKED, locked), shaped)


@WRITABLE
def test_out_of_any_form(form):
    out = form(np.full(MANY.shape, 99, dtype=np.int8))
    masks = form(MANY)
    assert pick_many(masks, LOCKED, 0x00F0, out) is out
    assert np.array_equal(out, first_of(masks, LOCKED, 0x00F0))


def test_nothing_between_is_written():
    base = np.full(3 * MANY.size, 99, dtype=np.int8)
    pick_many(MANY, Policy(), out=base[1::3])
    assert np.array_equal(base[1::3], pick_many(MANY, Policy()))
    assert (base[0::3] == 99).all()
    assert (base[2::3] == 99).all()


def test_out_may_share_memory_with_the_masks():
    masks = MANY.copy()
    out = masks.view(np.int8)[: masks.size]
    pick_many(masks, Policy(), out=out)
    assert np.array_equal(out, first_of(MANY, Policy()))


def test_a_column_of_locks_is_broadcast():
    masks = MANY.reshape(6, -1)
    picked = pick_many(masks, LOCKED, masks[:, :1])
    for row, locked, got in zip(masks, masks[:, 0], picked, strict=True):
        assert np.array_equal(got, first_of(row, LOCKED, int(locked)))


def test_the_masks_of_a_vm():
    vm = VM("vsm", planes=4, vcpus=1000)
    rng = np.random.default_rng(2)
    vm.state["runnable"] = rng.integers(16, size=1000)
    masks = vm.state["runnable"].copy()
    assert np.array_equal(pick_many(vm.state["runnable"], vm.policy), first_of(masks, vm.policy))


def test_what_is_not_plain_is_never_copied_as_a_whole():
    masks = np.zeros(1 << 22, dtype=np.uint16)[::-1]
    out = np.empty(1 << 23, dtype=np.int8)[::2]
    tracemalloc.start()
    pick_many(masks, LOCKED, masks[::-1], out)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < masks.nbytes / 8


def test_other_threads_run_meanwhile():
    """This thread sees a plain array half done, which is scanned by one call of a C function."""
    masks = np.zeros(1 << 25, dtype=np.uint16)
    out = np.empty(masks.shape, dtype=np.int8)
    half_done = False
    for _ in range(300):  # on one core, as often as the system does not let this thread run
        out.fill(99)
        scan = threading.Thread(target=pick_many, args=(masks, Policy(), None, out))
        scan.start()
        while scan.is_alive() and not half_done:
            half_done = out[0] == -1 and out[-1] == 99
        scan.join()
        if half_done:
            break
    assert half_done


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"policy": "vsm"}, TypeError, "policy='vsm', expected a Policy"),
        ({"candidates": [1, 2]}, TypeError, "candidates.dtype='int64', expected uint16"),
        ({"candidates": 1 << 16}, ValueError, "candidates=65536, expected a mask of 16 bits"),
        ({"locked": -1}, ValueError, "locked=-1, expected a mask of 16 bits"),
        ({"locked": 1.5}, TypeError, "locked.dtype='float64', expected uint16"),
        ({"locked": ALL[:3]}, ValueError, r"locked\.shape=\(3,\), .*\(5,\), as candidates"),
        ({"locked": ALL[:10].reshape(2, 5)}, ValueError, r"locked\.shape=\(2, 5\)"),
        ({"out": [0] * 5}, TypeError, "out: list, expected an ndarray of int8"),
        ({"out": np.empty(5, np.uint8)}, TypeError, "out: an array of uint8"),
        ({"out": np.empty(6, np.int8)}, ValueError, r"out\.shape=\(6,\), expected \(5,\)"),
        ({"out": np.broadcast_to(np.int8(0), 5)}, ValueError, "out: read-only"),
    ],
)
def test_what_does_not_fit_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        pick_many(**{"candidates": ALL[:5], "policy": LOCKED} | arguments)
