// A vCPU with planes in an event-driven simulator of one's own, in the manner of gem5 or SystemC:
// all that is asked of the simulator is now() and schedule(when, callback).
#include <planesched/step.h>

#include <cinttypes>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <utility>

class EventQueue {
public:
    using Tick = std::int64_t;

    Tick now() const { return now_; }
    void schedule(Tick when, std::function<void()> callback)
    {
        events_.emplace(when, std::move(callback)); // at equal times, in order of scheduling
    }
    void run()
    {
        while (!events_.empty()) {
            auto event = events_.extract(events_.begin());
            now_ = event.key();
            event.mapped()();
        }
    }

private:
    Tick now_ = 0;
    std::multimap<Tick, std::function<void()>> events_;
};

// Which plane runs is ps_step's; what runs there, and how long, is this class's.
class PlanedCpu {
public:
    using Tick = EventQueue::Tick;

    PlanedCpu(EventQueue &queue, const ps_policy &policy, std::uint16_t online)
        : queue_(queue), policy_(policy), state_(ps_boot(&policy_, online))
    {
    }

    // A device's interrupt for a plane, which its handler serves for so long.
    void interrupt(unsigned plane, Tick service)
    {
        settle();
        jobs_[plane].push_back(service);
        step(PS_EVENT_IRQ, plane, "irq");
        go_on();
    }

private:
    bool running() const { return state_.status == 0; }
    std::deque<Tick> &jobs() { return jobs_[static_cast<unsigned>(state_.current)]; }

    ps_outcome step(unsigned event, unsigned plane, const char *name)
    {
        const ps_outcome out = ps_step(&policy_, &state_, event, plane);
        std::printf("%6" PRId64 " %-6s plane %d -> %d%s\n", queue_.now(), name, out.was, out.now,
                    out.flags & PS_FLAG_BLOCKED ? ", blocked" : "");
        return out;
    }

    // What the current plane has done since it was let go on.
    void settle()
    {
        if (running() && !jobs().empty())
            jobs().front() -= queue_.now() - since_;
        since_ = queue_.now();
        lap_++; // an end that was scheduled before is out of date
    }

    // A plane without work gives up; one with work gets an event at its end.
    void go_on()
    {
        while (running() && jobs().empty()) {
            if (step(PS_EVENT_RETURN, 0, "return").fault)
                step(PS_EVENT_HALT, 0, "halt");
        }
        if (running()) {
            const std::uint64_t lap = lap_;
            queue_.schedule(queue_.now() + jobs().front(), [this, lap] {
                if (lap == lap_)
                    end();
            });
        }
    }

    void end()
    {
        settle();
        jobs().pop_front();
        go_on();
    }

    EventQueue &queue_;
    ps_policy policy_;
    ps_state state_;
    std::deque<Tick> jobs_[PS_MAX_PLANES];
    Tick since_ = 0;
    std::uint64_t lap_ = 0;
};

int main()
{
    ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST; // Hyper-V's VTLs
    policy.ret = PS_RET_NEXT_ONLINE;
    if (ps_policy_prepare(&policy) != 0)
        return 1;

    EventQueue queue;
    PlanedCpu cpu(queue, policy, 3);
    // A disk's interrupt for plane 0, and in the midst of it a secure timer's for plane 1.
    queue.schedule(1000, [&] { cpu.interrupt(0, 500); });
    queue.schedule(1200, [&] { cpu.interrupt(1, 100); });
    queue.run();
    return 0;
}
