"""What every printed answer has: like for like, what was entered for nothing, a block to cite."""

import pytest

from planesched import Workload, compare
from planesched.workload import Periodic

TIMER = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])


@pytest.fixture(scope="module")
def relayed():
    """Direct entry and relaying, with all else alike."""
    direct = "vsm:marker=2"
    return compare([direct, f"{direct},preempt=relay"], 3, 1, TIMER, duration="1 s", costs="any=1us")


def test_a_relay_is_an_entry_for_nothing(relayed):
    direct, relay = relayed
    assert direct.stats.idle_entries.tolist() == [0, 0, 0]
    assert relay.stats.idle_entries.tolist() == [0, 0, 1001]
    assert relay.stats.entries_by_reason["relay"] == 1001
    assert relay.stats.switches - direct.stats.switches == 1000  # the last one still runs
    row = relay.table()
    assert row["idle_entries"][:4] == [1001, 0, 0, 1001]
    assert row["idle_entries_hz"][0] == 1001
    assert "idle entries/s" in str(relayed)
