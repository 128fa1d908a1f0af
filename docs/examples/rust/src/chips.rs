//! Interrupt controllers, one local APIC a plane, before the step (rules, 8).

use crate::raw;
use crate::{Event, Outcome, Plane, Policy, State, Vcpu};

pub use crate::raw::Apic;

/// What happens to a vCPU whose planes have controllers; a number beside a plane is a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChipEvent {
    /// A vector arrives.
    Irq(Plane, u8),
    /// The guest ends the highest vector in service.
    Eoi(Plane),
    /// The guest sets its task priority, of which the class counts.
    Tpr(Plane, u8),
    /// The guest ends an NMI.
    Iret(Plane),
    /// A level-triggered line goes up.
    LineUp(Plane, u8),
    /// It goes down.
    LineDown(Plane, u8),
    /// Software enables the controller.
    ApicOn(Plane),
    /// Software disables it.
    ApicOff(Plane),
    /// The guest empties the message slot of a vector.
    Empty(Plane, u8),
    /// End of message, for the slot of a vector.
    Eom(Plane, u8),
    /// An event of the step, but for `Irq`, `Mask` and `Unmask`.
    Other(Event),
}

impl ChipEvent {
    /// Returns the event of a number, as the C headers have it; `None` where there is none, or its
    /// plane is missing.
    #[must_use]
    pub fn from_number(number: u8, plane: Option<Plane>, arg: u8) -> Option<Self> {
        Some(match (number, plane) {
            (1, Some(p)) => Self::Irq(p, arg),
            (32, Some(p)) => Self::Eoi(p),
            (33, Some(p)) => Self::Tpr(p, arg),
            (34, Some(p)) => Self::Iret(p),
            (35, Some(p)) => Self::LineUp(p, arg),
            (36, Some(p)) => Self::LineDown(p, arg),
            (37, Some(p)) => Self::ApicOn(p),
            (38, Some(p)) => Self::ApicOff(p),
            (39, Some(p)) => Self::Empty(p, arg),
            (40, Some(p)) => Self::Eom(p, arg),
            _ => Self::Other(Event::from_number(number, plane)?),
        })
    }

    fn numbers(self) -> Option<(u32, u32, u32)> {
        let (event, plane, arg) = match self {
            Self::Irq(p, vector) => (1, p, vector),
            Self::Eoi(p) => (32, p, 0),
            Self::Tpr(p, value) => (33, p, value),
            Self::Iret(p) => (34, p, 0),
            Self::LineUp(p, vector) => (35, p, vector),
            Self::LineDown(p, vector) => (36, p, vector),
            Self::ApicOn(p) => (37, p, 0),
            Self::ApicOff(p) => (38, p, 0),
            Self::Empty(p, vector) => (39, p, vector),
            Self::Eom(p, vector) => (40, p, vector),
            Self::Other(Event::Irq(_) | Event::Mask(_) | Event::Unmask(_)) => return None,
            Self::Other(event) => {
                let (event, plane) = event.numbers();
                return Some((event, plane, 0));
            }
        };
        Some((event, u32::from(plane.number()), u32::from(arg)))
    }
}

const _: () = assert!(raw::layout::CHIP_EVENTS_END == 41);

/// How the controllers of a VM are set up.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Controller(raw::ChipPolicy);

impl Default for Controller {
    /// As KVM's: priority masks by PPR, no vector has an auto-EOI or comes with a message.
    fn default() -> Self {
        Self(raw::default_chip())
    }
}

impl Controller {
    /// Has a vector of a plane end as it is taken: it never gets into service.
    #[must_use]
    pub fn auto_eoi(mut self, plane: Plane, vector: u8) -> Self {
        self.0.auto_eoi[usize::from(plane.number())][usize::from(vector >> 4)] |=
            1 << (vector & 15);
        self
    }

    /// Has priority hold interrupts back by TPR alone, as the TLFS words it.
    #[must_use]
    pub fn mask_by_tpr(mut self) -> Self {
        self.0.mask_by = 1;
        self
    }
}

/// One vCPU whose planes have a controller each.
///
/// ```
/// use planesched::{ChipEvent, Controller, Event, Field, Plane, Policy, VcpuWithApics};
///
/// let vsm = Policy::new(&[(Field::Direction, 1), (Field::Ret, 1)]).unwrap();
/// let lapic = Controller::default();
/// let mut vcpu = VcpuWithApics::boot(&vsm, &lapic, 2);
/// let one = Plane::new(1).unwrap();
/// vcpu.step(ChipEvent::Tpr(one, 0x50)).unwrap();
/// assert_eq!(vcpu.step(ChipEvent::Irq(one, 0x41)).unwrap().now, 0); // priority holds it back
/// assert!(vcpu.apic(one).pends(0x41));
/// let out = vcpu.step(ChipEvent::Tpr(one, 0)).unwrap();
/// assert_eq!((out.now, out.vector), (1, 0x41));
/// assert!(vcpu.step(ChipEvent::Other(Event::Mask(one))).is_none()); // the controller's to make
/// ```
#[derive(Clone, Debug)]
pub struct VcpuWithApics<'policy> {
    vcpu: Vcpu<'policy>,
    controller: &'policy Controller,
    apics: [Apic; 16],
}

impl<'policy> VcpuWithApics<'policy> {
    /// A vCPU as it begins, its controllers as after reset.
    #[must_use]
    pub fn boot(policy: &'policy Policy, controller: &'policy Controller, n_planes: u8) -> Self {
        Self::of(Vcpu::boot(policy, n_planes), controller)
    }

    /// A vCPU in a state that has no interrupt, its controllers as after reset; `None` where its
    /// current plane or status cannot be.
    #[must_use]
    pub fn in_state(
        policy: &'policy Policy,
        controller: &'policy Controller,
        state: State,
    ) -> Option<Self> {
        if state.irq | state.masked != 0 {
            return None;
        }
        Some(Self::of(Vcpu::in_state(policy, state)?, controller))
    }

    fn of(vcpu: Vcpu<'policy>, controller: &'policy Controller) -> Self {
        Self {
            vcpu,
            controller,
            apics: [Apic::default(); 16],
        }
    }

    /// One event. `None`, and nothing is done, for those that are the controller's to make: an
    /// interrupt without a vector, `Mask` and `Unmask`.
    pub fn step(&mut self, event: ChipEvent) -> Option<Outcome> {
        let (event, plane, arg) = event.numbers()?;
        let policy = self.vcpu.policy;
        let state = &mut self.vcpu.state;
        let apics = &mut self.apics;
        Some(raw::chip_step(policy, &self.controller.0, state, apics, event, plane, arg).into())
    }

    /// As [`Vcpu::answer`].
    ///
    /// # Panics
    ///
    /// Never: both events that it makes are ones of the step.
    pub fn answer(&mut self) -> Outcome {
        let event = self.vcpu.prepare_answer();
        self.step(ChipEvent::Other(event))
            .expect("an event of the step")
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &State {
        self.vcpu.state()
    }

    /// The controller of a plane.
    #[must_use]
    pub fn apic(&self, plane: Plane) -> &Apic {
        &self.apics[usize::from(plane.number())]
    }

    /// Whether the message slot of a plane's vector is full, and whether a message waits for it.
    #[must_use]
    pub fn slot(&self, plane: Plane, vector: u8) -> (bool, bool) {
        let bit = raw::slot(&self.controller.0, plane.number(), vector);
        let apic = self.apic(plane);
        (apic.slots & bit != 0, apic.queued & bit != 0)
    }
}

impl Apic {
    /// Whether a vector is pending (IRR).
    #[must_use]
    pub fn pends(&self, vector: u8) -> bool {
        self.irr[usize::from(vector >> 4)] >> (vector & 15) & 1 != 0
    }

    /// Whether a vector is in service (ISR).
    #[must_use]
    pub fn serves(&self, vector: u8) -> bool {
        raw::serves(self, vector)
    }

    /// The task priority.
    #[must_use]
    pub fn tpr(&self) -> u8 {
        self.tpr
    }

    /// The processor priority.
    #[must_use]
    pub fn ppr(&self) -> u8 {
        raw::ppr(self)
    }
}
