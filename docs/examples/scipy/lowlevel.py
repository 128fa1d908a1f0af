"""The core's C functions as scipy.LowLevelCallable, and one of them as a userspace scheduler."""

import ctypes

from scipy import LowLevelCallable

from planesched import VM, UserScheduler, capi

step = LowLevelCallable.from_cython(capi, "ps_api_step")
print(step.signature)

# The default userspace scheduler in C; what it gets first is its policy.
words = capi.policy_words("kvm_user", planes=2)
policy = ctypes.c_void_p(words.ctypes.data)
scheduler = UserScheduler(LowLevelCallable.from_cython(capi, "ps_api_scheduler", policy))

vcpu = VM("kvm_user", planes=2, vcpus=1).vcpus[0]
gone = vcpu.call(1)
print(vcpu)
print(scheduler.answer(vcpu, gone.reason))
print(vcpu)
