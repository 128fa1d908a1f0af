"""The slow way from records to jobs, an object a job: the judge of csrc/traces/jobs.c."""

from collections import deque

import numpy as np

from planesched.layouts import JOB
from planesched.traces import WAKE, Kind

NO_VCPU, BASE = 0xFFFFFFFF, 0
UNSEEN, HALTED, WOKEN, BUSY = range(4)


class Job:
    def __init__(self, time, service, vcpu, source, plane, live=True):
        self.time, self.service, self.vcpu = time, service, vcpu
        self.source, self.plane, self.live = source, plane, live


class Vcpu:
    def __init__(self, number, table):
        self.id, self.table, self.state, self.begin = number, table, UNSEEN, 0
        self.carrier = self.wake = self.first = self.left = None
        self.pending, self.seen = {}, set()

    def rest(self, until):
        held = (job for job in self.pending.values() if job.time >= until)
        self.first, self.left = None, next(held, None)


class SlowJobs:
    """As `JobStream`, of chunks of records whose times count from 0."""

    def __init__(self, chunks, plane_map, service, look_ahead, injected):
        self.chunks, self.plane_map, self.service = chunks, plane_map, service
        self.look_ahead, self.injected = look_ahead, injected
        self.arrivals = self.wakes = self.cuts = self.busy_ns = self.until = 0
        self.held, self.ready, self.vcpus, self.unknown, self.ran = deque(), [], {}, {}, False

    def __iter__(self):
        now = 0
        for chunk in self.chunks:
            for record in chunk.tolist():
                self.take(*record[:-1])
                if len(self.held) > self.look_ahead:
                    self.make_room(record[0])
            now = int(chunk["time_ns"][-1])
            yield self.give(self.watermark(now))
        for vcpu in self.vcpus.values():
            if vcpu.state == WOKEN and self.ran:
                self.run(vcpu, now)
            if vcpu.state == BUSY:
                self.close(vcpu, now)
        yield self.give(now + 1)

    def take(self, now, wait, thread, number, vector, kind):
        if number == NO_VCPU:
            if kind == Kind.WAKEUP:
                self.unknown[thread] = self.place(now, number)
            return
        if number not in self.vcpus:
            self.vcpus[number] = Vcpu(number, self.plane_map.table(number))
        vcpu = self.vcpus[number]
        if kind in (Kind.ARRIVAL, Kind.POSTED) and not self.injected:
            self.arrive(vcpu, now, vector, kind == Kind.ARRIVAL)
        elif kind in (Kind.INJECT, Kind.REINJECT) and not self.injected:
            vcpu.pending.pop(vector, None)
        elif kind == Kind.INJECT:
            self.arrive(vcpu, now, vector, False)
        elif kind == Kind.HALT:
            if vcpu.state == WOKEN:
                self.run(vcpu, now)
            if vcpu.state == BUSY:
                self.close(vcpu, now)
            vcpu.state = HALTED
            vcpu.rest(self.until)
        elif kind == Kind.WAKEUP:
            if vcpu.state == BUSY:
                self.close(vcpu, max(vcpu.begin, now - wait))
                vcpu.rest(self.until)
            vcpu.state, vcpu.begin, vcpu.wake = WOKEN, now, self.place(now, number)
        elif kind == Kind.RUN:
            wake = self.unknown.pop(thread, None)
            if wake is not None and vcpu.state == UNSEEN:
                wake.vcpu = number
                vcpu.state, vcpu.begin, vcpu.wake = WOKEN, wake.time, wake
            self.run(vcpu, now)

    def arrive(self, vcpu, now, vector, stays):
        plane = vcpu.table[vector]
        job = Job(now, self.service[plane], vcpu.id, vector, plane)
        self.held.append(job)
        self.arrivals += 1
        vcpu.seen.add(vector)
        if plane == BASE:
            if vcpu.first is None and vcpu.state != BUSY:
                vcpu.first = job
            if stays:
                vcpu.pending.setdefault(vector, job)

    def run(self, vcpu, now):
        if vcpu.state == BUSY:
            return
        self.ran, carrier = True, None
        if vcpu.state == WOKEN:
            carrier = vcpu.first or vcpu.left
        elif vcpu.state == HALTED:
            carrier = vcpu.left or vcpu.first
        if vcpu.state != WOKEN:
            vcpu.begin = now
        if carrier is None:
            carrier = vcpu.wake or self.place(now, vcpu.id)
            carrier.live = True
            self.wakes += 1
        vcpu.state, vcpu.carrier = BUSY, carrier
        vcpu.first = vcpu.left = vcpu.wake = None

    def close(self, vcpu, now):
        vcpu.carrier.service += now - vcpu.begin
        self.busy_ns += now - vcpu.begin
        vcpu.carrier = None

    def place(self, now, number):
        self.held.append(Job(now, 0, number, WAKE, BASE, live=False))
        return self.held[-1]

    def make_room(self, now):
        self.release(self.watermark(now))
        if len(self.held) > self.look_ahead:
            self.cut(now)
            self.release(now)

    def cut(self, now):
        self.unknown.clear()
        for vcpu in self.vcpus.values():
            if vcpu.wake is not None and vcpu.wake.time < now:
                vcpu.wake = self.place(now, vcpu.id)
            if vcpu.carrier is not None and vcpu.carrier.time < now:
                self.close(vcpu, now)
                vcpu.carrier = self.place(now, vcpu.id)
                vcpu.carrier.live = True
                vcpu.begin = now
                self.cuts += 1
            vcpu.first = vcpu.left = None
            vcpu.pending.clear()

    def watermark(self, now):
        each = [
            job
            for vcpu in self.vcpus.values()
            for job in (vcpu.carrier, vcpu.first, vcpu.left, vcpu.wake)
            if job is not None
        ]
        return min([now, *(job.time for job in [*each, *self.unknown.values()])])

    def release(self, until):
        while self.held and self.held[0].time < until:
            job = self.held.popleft()
            if job.live:
                self.ready.append((job.time, job.service, job.vcpu, job.source, job.plane, 0))
        self.until = until

    def give(self, until):
        self.release(until)
        rows = np.array(self.ready, JOB)
        self.ready.clear()
        keys = rows["source"], rows["plane"], rows["vcpu"], rows["time_ns"]
        return rows[np.lexsort(keys)], until
