//! The C structs and calls. The only unsafe code of the crate: each call is given references to
//! structs whose layout is held against C's when this is compiled.

/// How C lays out its structs, as it said when this crate was built.
#[allow(missing_docs, dead_code)]
pub(crate) mod layout {
    include!(concat!(env!("OUT_DIR"), "/layout.rs"));
}

/// One vCPU in 32 bytes (rules, 1): bit p of each mask speaks of plane p.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct State {
    pub online: u16,
    pub runnable: u16,
    pub halted: u16,
    pub irq: u16,
    pub masked: u16,
    pub noint: u16,
    pub nmi: u16,
    pub trap: u16,
    pub held: u16,
    pub edge: u16,
    pub locked: u16,
    pub vina: u16,
    pub vina_asserted: u16,
    pub req_exit: u16,
    pub unstarted: u16,
    pub current: i8,
    pub status: u8,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    pub was: i8,
    pub now: i8,
    pub reason: u8,
    pub fault: u8,
    pub flags: u8,
    vector: u8,
    ended: u8,
    notes: u8,
}

/// Only C looks inside.
#[repr(C, align(2))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy([u8; layout::SIZEOF_POLICY]);

const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<State>() == layout::SIZEOF_STATE);
    assert!(offset_of!(State, unstarted) == layout::STATE_UNSTARTED);
    assert!(offset_of!(State, current) == layout::STATE_CURRENT);
    assert!(offset_of!(State, status) == layout::STATE_STATUS);
    assert!(size_of::<Outcome>() == layout::SIZEOF_OUTCOME);
    assert!(offset_of!(Outcome, fault) == layout::OUTCOME_FAULT);
    assert!(offset_of!(Outcome, flags) == layout::OUTCOME_FLAGS);
    assert!(size_of::<Policy>() == layout::SIZEOF_POLICY);
    assert!(align_of::<Policy>() == layout::ALIGNOF_POLICY);
    assert!(layout::N_EVENTS == 24);
};

extern "C" {
    fn shim_step(policy: &Policy, s: &mut State, event: u32, plane: u32) -> Outcome;
    fn shim_pick(policy: &Policy, s: &State) -> u32;
    fn shim_prepare_entry(policy: &Policy, s: &mut State, plane: u32);
    fn shim_boot(policy: &Policy, s: &mut State, online: u16);
    fn shim_default(policy: &mut Policy);
    fn shim_set(policy: &mut Policy, field: u32, value: u32) -> i32;
    fn shim_prepare(policy: &mut Policy) -> i32;
}

pub(crate) fn step(policy: &Policy, s: &mut State, event: u32, plane: u32) -> Outcome {
    unsafe { shim_step(policy, s, event, plane) }
}

pub(crate) fn pick(policy: &Policy, s: &State) -> u32 {
    unsafe { shim_pick(policy, s) }
}

pub(crate) fn prepare_entry(policy: &Policy, s: &mut State, plane: u32) {
    unsafe { shim_prepare_entry(policy, s, plane) }
}

pub(crate) fn boot(policy: &Policy, online: u16) -> State {
    let mut state = State::default();
    unsafe { shim_boot(policy, &mut state, online) };
    state
}

pub(crate) fn default_policy() -> Policy {
    let mut policy = Policy([0; layout::SIZEOF_POLICY]);
    unsafe { shim_default(&mut policy) };
    policy
}

pub(crate) fn set(policy: &mut Policy, field: u32, value: u32) -> bool {
    unsafe { shim_set(policy, field, value) == 0 }
}

pub(crate) fn prepare(policy: &mut Policy) -> bool {
    unsafe { shim_prepare(policy) == 0 }
}
