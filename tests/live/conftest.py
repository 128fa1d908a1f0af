"""Whether planes can run where the tests do; where they cannot, tests look at what is said then."""

import os
import platform
import sys

import pytest


@pytest.fixture(scope="session")
def kvm():
    """True where /dev/kvm opens: what each test asks first, for none is left out elsewhere."""
    here = (sys.platform, platform.machine()) == ("linux", "x86_64")
    return here and os.access("/dev/kvm", os.R_OK | os.W_OK)
