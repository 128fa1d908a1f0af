"""The model as one would write it first: a dict a vCPU, a list of planes, no bitmaps.

It knows one policy, that of the TLFS (`vsm` without VINA), and only what the mix of events needs.
"""


class Vcpu:
    """One vCPU with `planes` planes; the highest number is the most privileged."""

    def __init__(self, planes):
        fields = ("runnable", "halted", "irq")
        self.planes = [dict.fromkeys(fields, False) for _ in range(planes)]
        self.planes[0]["runnable"] = True
        self.current = 0
        self.blocked = False
        self.switches = self.injected = 0

    def irq(self, plane):
        self.planes[plane]["irq"] = True
        self.dispatch()

    def halt(self):
        if not self.blocked:
            self.planes[self.current]["halted"] = True
            self.dispatch()

    def call(self, plane=None):
        if not self.blocked and self.current + 1 < len(self.planes):
            self.planes[self.current + 1].update(runnable=True, halted=False)
            self.dispatch()

    def return_(self):
        if not self.blocked and self.current > 0:
            self.planes[self.current]["runnable"] = False
            self.planes[self.current - 1]["runnable"] = True
            self.dispatch()

    def dispatch(self):
        base = [p for p, plane in enumerate(self.planes) if plane["runnable"]]
        view = self.current if self.current in base else max(base, default=self.current)
        entering = [p for p in range(view + 1, len(self.planes)) if self.planes[p]["irq"]]
        pick = max(base + entering)
        self.switches += pick != self.current
        self.current = pick
        plane = self.planes[pick]
        plane["runnable"] = True
        if plane["irq"]:
            plane["halted"] = False
        self.blocked = plane["halted"]
        if plane["irq"]:
            plane["irq"] = False
            self.injected += 1
