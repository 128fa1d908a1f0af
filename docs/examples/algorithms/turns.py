"""Two L2 guests of a TD share a vCPU: slices of 100 us, and whose turn it is then."""

from planesched import Engine, Policy

# L1 lets an L2 that it does not run wait; under `descend` it would have to enter it anew.
TDX = Policy.preset("tdx", planes=3).replace(call="handover")


def main() -> None:
    for algorithm in ("rank", "round_robin"):
        policy = TDX.replace(algorithm=algorithm)
        engine = Engine(policy, planes=3, busy=[1, 2], costs="2 us", slice_ns=100_000)
        engine.at(1_000_000, 0, "start", 2)
        engine.advance(5_000_000)
        ran = engine.stats().running_ns
        shares = "  ".join(f"L2 {plane}: {ran[plane] / 5_000_000:.1%}" for plane in (1, 2))
        print(f"{algorithm:12s} {shares}")


if __name__ == "__main__":
    main()
