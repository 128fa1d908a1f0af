"""The model of plain.c in SimPy: as its documentation would have it, and tuned by hand."""

import random
from collections import deque

import simpy

CLASSES = 3
MEAN = 10_000.0


def natural(jobs, load, seed):
    """Every job is a process that takes a preemptive resource, as often as it is thrown out."""
    draw = random.Random(seed)
    env = simpy.Environment()
    server = simpy.PreemptiveResource(env, 1)
    took = [[] for _ in range(CLASSES)]
    latency = [[] for _ in range(CLASSES)]

    def job(rank, service):
        arrival, started = env.now, False
        while service > 0:
            with server.request(priority=rank) as request:
                yield request
                if not started:
                    latency[rank].append(env.now - arrival)
                    started = True
                begun = env.now
                try:
                    yield env.timeout(service)
                    service = 0
                except simpy.Interrupt:
                    service -= env.now - begun
        took[rank].append(env.now - arrival)

    def source(rank):
        for _ in range(jobs // CLASSES):
            yield env.timeout(draw.expovariate(load / CLASSES / MEAN))
            env.process(job(rank, draw.expovariate(1 / MEAN)))

    for rank in range(CLASSES):
        env.process(source(rank))
    env.run()
    return [sum(times) / len(times) for times in took]


def tuned(jobs, load, seed):
    """One process, its own queues, callbacks instead of processes for jobs."""
    draw = random.Random(seed).expovariate
    env = simpy.Environment()
    queues = [deque() for _ in range(CLASSES)]
    totals, counts = [0.0] * CLASSES, [0] * CLASSES
    latency = [[] for _ in range(CLASSES)]
    rate = load / CLASSES / MEAN
    left = [jobs // CLASSES] * CLASSES
    current = begun = None
    token = 0

    def begin():
        nonlocal current, begun, token
        token += 1
        current = next((rank for rank in range(CLASSES) if queues[rank]), None)
        if current is None:
            return
        head = queues[current][0]
        if not head[2]:
            head[2] = True
            latency[current].append(env.now - head[0])
        begun, mine = env.now, token
        env.timeout(head[1]).callbacks.append(lambda _: end() if mine == token else None)

    def end():
        head = queues[current].popleft()
        totals[current] += env.now - head[0]
        counts[current] += 1
        begin()

    def arrive(rank):
        queues[rank].append([env.now, draw(1 / MEAN), False])
        if current is None:
            begin()
        elif rank < current:
            queues[current][0][1] -= env.now - begun
            begin()
        left[rank] -= 1
        if left[rank]:
            following(rank)

    def following(rank):
        env.timeout(draw(rate)).callbacks.append(lambda _: arrive(rank))

    for rank in range(CLASSES):
        following(rank)
    env.run()
    return [total / count for total, count in zip(totals, counts, strict=True)]
