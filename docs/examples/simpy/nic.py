"""A network card in SimPy: packets fill a ring, and one interrupt serves all that are there.

Its handler runs in plane 0. Every 100 us a secure timer interrupts plane 1 for 15 us, which
preempts the handler.
"""

from collections.abc import Generator

import simpy

from planesched.contrib.simpy import PlanedCPU

PACKET_EVERY, PER_PACKET = 7, 5  # us
TIMER_EVERY, TIMER_WORK = 100, 15


class NIC:
    """Raises an interrupt when a packet finds the ring idle; the handler then takes them all."""

    def __init__(self, env: simpy.Environment, cpu: PlanedCPU) -> None:
        self.env, self.cpu = env, cpu
        self.ring: list[float] = []
        self.latency: list[float] = []
        self.interrupts = 0
        self.idle = True

    def receive(self, n: int) -> Generator[simpy.Event]:
        for _ in range(n):
            yield self.env.timeout(PACKET_EVERY)
            self.ring.append(self.env.now)
            if self.idle:
                self.idle = False
                self.env.process(self.serve())

    def serve(self) -> Generator[simpy.Event]:
        while self.ring:
            taken, self.ring = self.ring, []
            self.interrupts += 1
            yield self.cpu.interrupt(0, PER_PACKET * len(taken))
            self.latency += [self.env.now - since for since in taken]
        self.idle = True


def timer(env: simpy.Environment, cpu: PlanedCPU) -> Generator[simpy.Event]:
    while True:
        yield env.timeout(TIMER_EVERY)
        cpu.interrupt(1, TIMER_WORK)


def main() -> None:
    env = simpy.Environment()
    cpu = PlanedCPU(env, "vsm", planes=2)
    nic = NIC(env, cpu)
    env.process(nic.receive(1000))
    env.process(timer(env, cpu))
    env.run(until=7500)
    print(f"{len(nic.latency)} packets with {nic.interrupts} interrupts")
    mean = sum(nic.latency) / len(nic.latency)
    print(f"latency {mean:.2f} us on average, {max(nic.latency):.0f} us at most")
    print(cpu.vcpu)


if __name__ == "__main__":
    main()
