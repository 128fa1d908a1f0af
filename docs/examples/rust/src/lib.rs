//! Which privilege plane of a vCPU runs next: planesched's rules from Rust, without `std`.
//!
//! Two ways stand side by side. [`Vcpu::step`] calls the C headers, which know every policy.
//! [`vsm_pick`] is one policy's pick as Rust alone, written by `planesched export`, and needs no C.
//!
//! ```
//! use planesched::{Event, Field, Plane, Policy, Reason, Vcpu};
//!
//! let vsm = Policy::new(&[(Field::Direction, 1), (Field::Ret, 1), (Field::Vina, 1)]).unwrap();
//! let mut vcpu = Vcpu::boot(&vsm, 3);
//! let out = vcpu.step(Event::Irq(Plane::new(1).unwrap()));
//! assert_eq!((out.was, out.now, out.reason), (0, 1, Reason::Interrupt));
//! assert!(vcpu.runnable().any(|plane| plane.number() == 1));
//! ```
#![no_std]
#![warn(clippy::pedantic)]
#![allow(clippy::cast_possible_truncation)]

#[allow(clippy::pedantic)]
pub mod vsm_pick;

mod chips;
mod raw;

pub use chips::{Apic, ChipEvent, Controller, VcpuWithApics};
pub use raw::State;

/// A plane, 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plane(u8);

impl Plane {
    /// Returns the plane of a number below 16.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 16 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Returns its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// A set of planes, bit p for plane p; as an iterator, its planes in rising order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planes(pub u16);

impl Iterator for Planes {
    type Item = Plane;

    fn next(&mut self) -> Option<Plane> {
        if self.0 == 0 {
            return None;
        }
        let plane = self.0.trailing_zeros() as u8;
        self.0 &= self.0 - 1;
        Some(Plane(plane))
    }
}

/// What happens to a vCPU (rules, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Event {
    Resched,
    Irq(Plane),
    Nmi(Plane),
    Intercept(Plane),
    Mask(Plane),
    Unmask(Plane),
    Cli(Plane),
    Sti(Plane),
    Halt,
    /// The guest calls up; where the policy hands over, the plane that is named.
    Call(Option<Plane>),
    Return,
    Start(Plane),
    Stop(Plane),
    Enable(Plane),
    Disable(Plane),
    Lock(Plane),
    Force(Plane),
    Hold(Plane),
    Release(Plane),
    Enter(Plane),
    VinaOn(Plane),
    VinaOff(Plane),
    VinaClear(Plane),
    Init(Plane),
}

impl Event {
    /// Returns the event of a number, as in the rules; `None` where there is none, or its plane is
    /// missing.
    #[must_use]
    pub fn from_number(number: u8, plane: Option<Plane>) -> Option<Self> {
        Some(match (number, plane) {
            (0, _) => Self::Resched,
            (8, _) => Self::Halt,
            (9, _) => Self::Call(plane),
            (10, _) => Self::Return,
            (1, Some(p)) => Self::Irq(p),
            (2, Some(p)) => Self::Nmi(p),
            (3, Some(p)) => Self::Intercept(p),
            (4, Some(p)) => Self::Mask(p),
            (5, Some(p)) => Self::Unmask(p),
            (6, Some(p)) => Self::Cli(p),
            (7, Some(p)) => Self::Sti(p),
            (11, Some(p)) => Self::Start(p),
            (12, Some(p)) => Self::Stop(p),
            (13, Some(p)) => Self::Enable(p),
            (14, Some(p)) => Self::Disable(p),
            (15, Some(p)) => Self::Lock(p),
            (16, Some(p)) => Self::Force(p),
            (17, Some(p)) => Self::Hold(p),
            (18, Some(p)) => Self::Release(p),
            (19, Some(p)) => Self::Enter(p),
            (20, Some(p)) => Self::VinaOn(p),
            (21, Some(p)) => Self::VinaOff(p),
            (22, Some(p)) => Self::VinaClear(p),
            (23, Some(p)) => Self::Init(p),
            _ => return None,
        })
    }

    fn numbers(self) -> (u32, u32) {
        let (event, plane) = match self {
            Self::Resched => (0, None),
            Self::Irq(p) => (1, Some(p)),
            Self::Nmi(p) => (2, Some(p)),
            Self::Intercept(p) => (3, Some(p)),
            Self::Mask(p) => (4, Some(p)),
            Self::Unmask(p) => (5, Some(p)),
            Self::Cli(p) => (6, Some(p)),
            Self::Sti(p) => (7, Some(p)),
            Self::Halt => (8, None),
            Self::Call(p) => (9, p),
            Self::Return => (10, None),
            Self::Start(p) => (11, Some(p)),
            Self::Stop(p) => (12, Some(p)),
            Self::Enable(p) => (13, Some(p)),
            Self::Disable(p) => (14, Some(p)),
            Self::Lock(p) => (15, Some(p)),
            Self::Force(p) => (16, Some(p)),
            Self::Hold(p) => (17, Some(p)),
            Self::Release(p) => (18, Some(p)),
            Self::Enter(p) => (19, Some(p)),
            Self::VinaOn(p) => (20, Some(p)),
            Self::VinaOff(p) => (21, Some(p)),
            Self::VinaClear(p) => (22, Some(p)),
            Self::Init(p) => (23, Some(p)),
        };
        (event, plane.map_or(0, |p| u32::from(p.number())))
    }
}

/// Why the vCPU went to another plane (rules, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Reason {
    None,
    Call,
    Interrupt,
    Intercept,
    Return,
    Halt,
    Stop,
    Start,
    Force,
    User,
    Relay,
    Resched,
}

/// Why an event was refused (rules, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Fault {
    None,
    Ud,
    Inval,
    Perm,
    Pending,
    Offline,
    Exists,
    Busy,
    User,
    Blocked,
}

const REASONS: [Reason; 12] = [
    Reason::None,
    Reason::Call,
    Reason::Interrupt,
    Reason::Intercept,
    Reason::Return,
    Reason::Halt,
    Reason::Stop,
    Reason::Start,
    Reason::Force,
    Reason::User,
    Reason::Relay,
    Reason::Resched,
];

const FAULTS: [Fault; 10] = [
    Fault::None,
    Fault::Ud,
    Fault::Inval,
    Fault::Perm,
    Fault::Pending,
    Fault::Offline,
    Fault::Exists,
    Fault::Busy,
    Fault::User,
    Fault::Blocked,
];

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The plane that ran before.
    pub was: u8,
    /// The plane that runs now.
    pub now: u8,
    /// Why it changed.
    pub reason: Reason,
    /// Why the event was refused.
    pub fault: Fault,
    /// Switched 1, injected 2, nmi 4, vina 8, blocked 16, user 32, coalesced 64, bounced 128.
    pub flags: u8,
    /// The vector that the plane took, where planes have controllers; else 0.
    pub vector: u8,
    /// The vector that an EOI ended, or 0.
    pub ended: u8,
    /// Dropped 1, reposted 2, more 4, vina dropped 8, vina pending 16, queued 32.
    pub notes: u8,
}

impl From<raw::Outcome> for Outcome {
    fn from(raw: raw::Outcome) -> Self {
        Self {
            was: raw.was.unsigned_abs(),
            now: raw.now.unsigned_abs(),
            reason: REASONS[usize::from(raw.reason)],
            fault: FAULTS[usize::from(raw.fault)],
            flags: raw.flags,
            vector: raw.vector,
            ended: raw.ended,
            notes: raw.notes,
        }
    }
}

/// A field of a policy (rules, 2); its values are numbered in the order of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Field {
    Direction,
    Marker,
    Rank,
    Preempt,
    Gate,
    Trigger,
    Rearm,
    Call,
    RefusePending,
    CallSelf,
    Ret,
    Idle,
    Empty,
    Wake,
    Unhalt,
    HaltScope,
    Nmi,
    Force,
    ForceSelf,
    Vina,
    VinaAutoReset,
    Scheduler,
    Accelerated,
    Boot,
}

const _: () = assert!(Field::Boot as usize + 1 == raw::layout::N_FIELDS);
const _: () = assert!(REASONS.len() == raw::layout::N_REASONS);
const _: () = assert!(FAULTS.len() == raw::layout::N_FAULTS);

/// The fields do not make a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// A field has no such value.
    Value(Field, u16),
    /// A field needs a marker, and there is none.
    NeedsMarker,
}

/// What picks among the planes that could run (rules, 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The first by rank, as without one.
    Rank = 1,
    /// In turn, at the end of a slice (`Event::Resched`).
    RoundRobin,
}

/// How the planes are scheduled.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    raw: raw::Policy,
    algorithm: Option<Algorithm>,
}

impl Policy {
    /// Makes a policy of the fields that are not at their first value.
    ///
    /// # Errors
    ///
    /// Where a field has no such value, or needs a marker that is not given.
    pub fn new(changes: &[(Field, u16)]) -> Result<Self, Invalid> {
        let mut made = raw::default_policy();
        for &(field, value) in changes {
            if !raw::set(&mut made, field as u32, u32::from(value)) {
                return Err(Invalid::Value(field, value));
            }
        }
        Self::prepared(made)
    }

    fn prepared(mut made: raw::Policy) -> Result<Self, Invalid> {
        if !raw::prepare(&mut made) {
            return Err(Invalid::NeedsMarker);
        }
        Ok(Self {
            raw: made,
            algorithm: None,
        })
    }

    /// The same with an algorithm for the pick.
    #[must_use]
    pub fn by(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    fn pick_number(&self) -> u32 {
        self.algorithm.map_or(0, |algorithm| algorithm as u32)
    }

    /// Makes a policy of the values of all fields, in order.
    ///
    /// # Errors
    ///
    /// As [`Policy::new`]; the field is the first that has no such value.
    pub fn from_values(values: &[u16; raw::layout::N_FIELDS]) -> Result<Self, Invalid> {
        let mut made = raw::default_policy();
        for (field, &value) in (0..).zip(values) {
            if !raw::set(&mut made, field, u32::from(value)) {
                return Err(Invalid::NeedsMarker);
            }
        }
        Self::prepared(made)
    }
}

/// One vCPU under a policy.
#[derive(Clone, Debug)]
pub struct Vcpu<'policy> {
    policy: &'policy Policy,
    state: State,
}

impl<'policy> Vcpu<'policy> {
    /// A vCPU of so many planes, 16 at most, as it begins: the boot plane runs.
    #[must_use]
    pub fn boot(policy: &'policy Policy, n_planes: u8) -> Self {
        let online = u16::MAX
            .checked_shr(16 - u32::from(n_planes.min(16)))
            .unwrap_or(0);
        let state = raw::boot(&policy.raw, online);
        Self { policy, state }
    }

    /// A vCPU in a state; `None` where its current plane or status cannot be.
    #[must_use]
    pub fn in_state(policy: &'policy Policy, state: State) -> Option<Self> {
        let can_be = (0..16).contains(&state.current) && state.status < 3;
        can_be.then_some(Self { policy, state })
    }

    /// One event.
    pub fn step(&mut self, event: Event) -> Outcome {
        let (event, plane) = event.numbers();
        raw::step(self.policy, &mut self.state, event, plane).into()
    }

    /// Lets the default userspace scheduler answer an exit; where it waits, nothing happens.
    pub fn answer(&mut self) -> Outcome {
        let event = self.prepare_answer();
        self.step(event)
    }

    fn prepare_answer(&mut self) -> Event {
        let Some(plane) = self.pick() else {
            return Event::Resched;
        };
        raw::prepare_entry(&self.policy.raw, &mut self.state, u32::from(plane.0));
        Event::Enter(plane)
    }

    /// The plane that the default userspace scheduler would enter.
    #[must_use]
    pub fn pick(&self) -> Option<Plane> {
        Plane::new(raw::pick(&self.policy.raw, &self.state) as u8)
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The planes that are runnable.
    #[must_use]
    pub fn runnable(&self) -> Planes {
        Planes(self.state.runnable)
    }
}
