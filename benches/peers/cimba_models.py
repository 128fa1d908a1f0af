"""The model of plain.c in PyPI's cimba: as its documentation would have it, and tuned by hand.

cimba compiles a model's methods with numba and runs them as coroutines of a C engine.
"""

import cimba as cb
import numba

CLASSES = 3
MEAN = 10_000.0
ROOM = 1 << 12
BUCKETS = 64 * 64


class Class(cb.Model):
    """Jobs of one priority; their server preempts the processor, and is preempted."""

    gap: cb.Input[float]
    service: cb.Input[float]
    jobs: cb.Param[int]
    rank: cb.Param[int]
    processor: cb.Ref[cb.Resource]
    queue: cb.Store[float]
    latency: cb.Dataset
    took: cb.Dataset
    mean: cb.Output[float]

    @cb.process
    def arrive(self):
        for _ in range(self.jobs):
            cb.hold(self.gap.next())
            self.queue.put(cb.now())

    @cb.process
    def serve(self):
        cb.this_process().priority_set(-self.rank)
        for _ in range(self.jobs):
            arrival = self.queue.get()
            left, started = self.service.next(), False
            while left > 0:
                self.processor.preempt()
                if not started:
                    self.latency.record(cb.now() - arrival)
                    started = True
                begun = cb.now()
                if cb.hold(left) == 0:
                    left = 0.0
                    self.processor.release()
                else:  # another took the processor
                    left -= cb.now() - begun
            self.took.record(cb.now() - arrival)

    @cb.on_end
    def measure(self):
        self.mean = self.took.sample_mean()


class Machine(cb.Model):
    processor: cb.Resource
    classes: list[Class]


class Tuned(cb.Model):
    """One process that holds from event to event, and its own queues and histograms."""

    gap: cb.Input[float]
    service: cb.Input[float]
    events: cb.Param[int]
    following: cb.Array[float] = cb.Array(CLASSES)
    arrivals: cb.Array[float] = cb.Array(CLASSES * ROOM)
    lefts: cb.Array[float] = cb.Array(CLASSES * ROOM)
    started: cb.Array[bool] = cb.Array(CLASSES * ROOM)
    head: cb.Array[int] = cb.Array(CLASSES)
    tail: cb.Array[int] = cb.Array(CLASSES)
    latency: cb.Array[int] = cb.Array(CLASSES * BUCKETS)
    sojourn: cb.Array[int] = cb.Array(CLASSES * BUCKETS)
    total: cb.Array[float] = cb.Array(CLASSES)
    mean0: cb.Output[float]
    mean1: cb.Output[float]
    mean2: cb.Output[float]

    @cb.process
    def run(self):
        for rank in range(CLASSES):
            self.following[rank] = self.gap.next()
        current, at = CLASSES, 0
        for _ in range(self.events):
            first = 0
            for rank in range(1, CLASSES):
                if self.following[rank] < self.following[first]:
                    first = rank
            until = self.following[first] - cb.now()
            if current < CLASSES and self.lefts[at] <= until:
                cb.hold(self.lefts[at])
                took = cb.now() - self.arrivals[at]
                self.sojourn[current * BUCKETS + bucket(took)] += 1
                self.total[current] += took
                self.head[current] += 1
                while current < CLASSES and self.head[current] == self.tail[current]:
                    current += 1
            else:
                if current < CLASSES:
                    self.lefts[at] -= until
                cb.hold(until)
                slot = first * ROOM + self.tail[first] % ROOM
                self.tail[first] += 1
                self.arrivals[slot] = cb.now()
                self.lefts[slot] = self.service.next()
                self.started[slot] = False
                self.following[first] += self.gap.next()
                current = min(current, first)
            if current < CLASSES:
                at = current * ROOM + self.head[current] % ROOM
                if not self.started[at]:
                    late = cb.now() - self.arrivals[at]
                    self.latency[current * BUCKETS + bucket(late)] += 1
                    self.started[at] = True

    @cb.on_end
    def measure(self):
        self.mean0 = self.total[0] / self.head[0]
        self.mean1 = self.total[1] / self.head[1]
        self.mean2 = self.total[2] / self.head[2]


@numba.njit
def bucket(time):
    value, shift = int(time), 0
    while value >> shift >= 128:
        shift += 1
    return (shift << 6) + (value >> shift)


def natural(jobs, load, seed):
    model = Machine()
    model.processor = cb.Resource()
    model.classes = [Class() for _ in range(CLASSES)]
    for rank, made in enumerate(model.classes):
        made.gap = cb.inputs.dist.exponential(mean=MEAN * CLASSES / load)
        made.service = cb.inputs.dist.exponential(mean=MEAN)
        made.jobs, made.rank, made.processor = jobs // CLASSES, rank, model.processor
    results = _results(model, seed)
    return [float(results[made].mean[0, 0]) for made in model.classes]


def tuned(jobs, load, seed):
    model = Tuned()
    model.gap = cb.inputs.dist.exponential(mean=MEAN * CLASSES / load)
    model.service = cb.inputs.dist.exponential(mean=MEAN)
    model.events = 2 * jobs
    found = _results(model, seed)[model]
    return [float(mean[0, 0]) for mean in (found.mean0, found.mean1, found.mean2)]


def _results(model, seed):
    window = cb.Window.until_idle()
    return cb.Experiment(model, window=window, seed=seed).run(workers=1)
