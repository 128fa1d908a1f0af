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
    pub vector: u8,
    pub ended: u8,
    pub notes: u8,
}

/// The controller of one plane; all zero is one after reset.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apic {
    serving: u64,
    pub(crate) irr: [u16; 16],
    lines: [u16; 16],
    irr_classes: u16,
    isr_classes: u16,
    pub(crate) tpr: u8,
    flags: u8,
    pub(crate) slots: u8,
    pub(crate) queued: u8,
}

/// How controllers are set up.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChipPolicy {
    pub mask_by: u8,
    nmi_blocked: u8,
    vina_vector: [u8; 16],
    pub auto_eoi: [[u16; 16]; 16],
    messages: [[u8; 8]; 16],
    has_messages: u8,
    rescan: u8,
    disabled: u8,
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
    assert!(offset_of!(Outcome, vector) == layout::OUTCOME_VECTOR);
    assert!(offset_of!(Outcome, notes) == layout::OUTCOME_NOTES);
    assert!(size_of::<Apic>() == layout::SIZEOF_APIC);
    assert!(offset_of!(Apic, irr) == layout::APIC_IRR);
    assert!(offset_of!(Apic, tpr) == layout::APIC_TPR);
    assert!(offset_of!(Apic, slots) == layout::APIC_SLOTS);
    assert!(offset_of!(Apic, queued) == layout::APIC_QUEUED);
    assert!(size_of::<ChipPolicy>() == layout::SIZEOF_CHIP_POLICY);
    assert!(offset_of!(ChipPolicy, mask_by) == layout::CHIP_MASK_BY);
    assert!(offset_of!(ChipPolicy, auto_eoi) == layout::CHIP_AUTO_EOI);
};

extern "C" {
    fn shim_step(policy: &Policy, pick: u32, s: &mut State, event: u32, plane: u32) -> Outcome;
    fn shim_chip_step(
        policy: &Policy,
        pick: u32,
        chip: &ChipPolicy,
        s: &mut State,
        apics: *mut Apic,
        event: u32,
        plane: u32,
        arg: u32,
    ) -> Outcome;
    fn shim_default_chip(chip: &mut ChipPolicy);
    fn shim_slot(chip: &ChipPolicy, plane: u32, vector: u32) -> u32;
    fn shim_serves(apic: &Apic, vector: u32) -> i32;
    fn shim_ppr(apic: &Apic) -> u32;
    fn shim_pick(policy: &Policy, s: &State) -> u32;
    fn shim_prepare_entry(policy: &Policy, s: &mut State, plane: u32);
    fn shim_boot(policy: &Policy, s: &mut State, online: u16);
    fn shim_default(policy: &mut Policy);
    fn shim_set(policy: &mut Policy, field: u32, value: u32) -> i32;
    fn shim_prepare(policy: &mut Policy) -> i32;
}

pub(crate) fn step(policy: &crate::Policy, s: &mut State, event: u32, plane: u32) -> Outcome {
    unsafe { shim_step(&policy.raw, policy.pick_number(), s, event, plane) }
}

pub(crate) fn chip_step(
    policy: &crate::Policy,
    chip: &ChipPolicy,
    s: &mut State,
    apics: &mut [Apic; 16],
    event: u32,
    plane: u32,
    arg: u32,
) -> Outcome {
    let (pick, apics) = (policy.pick_number(), apics.as_mut_ptr());
    unsafe { shim_chip_step(&policy.raw, pick, chip, s, apics, event, plane, arg) }
}

pub(crate) fn default_chip() -> ChipPolicy {
    let mut chip = ChipPolicy {
        mask_by: 0,
        nmi_blocked: 0,
        vina_vector: [0; 16],
        auto_eoi: [[0; 16]; 16],
        messages: [[0; 8]; 16],
        has_messages: 0,
        rescan: 0,
        disabled: 0,
    };
    unsafe { shim_default_chip(&mut chip) };
    chip
}

pub(crate) fn slot(chip: &ChipPolicy, plane: u8, vector: u8) -> u8 {
    unsafe { shim_slot(chip, plane.into(), vector.into()) as u8 }
}

pub(crate) fn serves(apic: &Apic, vector: u8) -> bool {
    unsafe { shim_serves(apic, vector.into()) != 0 }
}

pub(crate) fn ppr(apic: &Apic) -> u8 {
    unsafe { shim_ppr(apic) as u8 }
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
