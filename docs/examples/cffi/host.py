"""Uses the module that build_host.py makes."""

from _host import ffi, lib

policy = ffi.new("struct ps_policy *", lib.ps_policy_default())
policy.direction = lib.PS_HIGHEST_FIRST
policy.ret = lib.PS_RET_NEXT_ONLINE
if lib.ps_policy_prepare(policy) != 0:
    raise ValueError("the policy is not valid")
vcpu = ffi.new("struct ps_state *", lib.ps_boot(policy, 3))
outcome = lib.ps_step(policy, vcpu, lib.PS_EVENT_IRQ, 1)
print(f"plane {outcome.was} -> {outcome.now}")
