//! Every conformance case of the project, from the table that `planesched conform --c-table` wrote.
#![cfg(cases)]

use planesched::{
    Algorithm, ChipEvent, Controller, Event, Outcome, Plane, Policy, State, Vcpu, VcpuWithApics,
};
use std::ffi::{c_char, CStr};
use std::slice::from_raw_parts;

const ANSWER: u8 = 255;
const NO_CONTROLLER: u8 = 255;

#[repr(C)]
struct Want {
    key: u16,
    value: u16,
}

#[repr(C)]
struct Step {
    event: u8,
    plane: u8,
    arg: u8,
    n_wants: u8,
    want: u16,
}

#[repr(C)]
struct Case {
    id: *const c_char,
    fields: [u16; 24],
    start: State,
    step: u16,
    n_steps: u16,
    algorithm: u8,
    controller: u8,
    planes: u8,
}

extern "C" {
    static shim_cases: *const Case;
    static shim_steps: *const Step;
    static shim_wants: *const Want;
    static shim_controllers: *const Controller;
    static shim_n_cases: usize;
}

fn found(key: u16, value: u16, out: &Outcome, state: &State) -> u16 {
    let masks = [
        state.online,
        state.runnable,
        state.halted,
        state.irq,
        state.masked,
        state.noint,
        state.nmi,
        state.trap,
        state.held,
        state.edge,
        state.locked,
        state.vina,
        state.vina_asserted,
        state.req_exit,
        state.unstarted,
    ];
    match key {
        15 => u16::from(out.now),
        16 => out.reason as u16,
        17 => out.fault as u16,
        18 => u16::from(out.flags) & value,
        19 => value & !u16::from(out.flags),
        20 => u16::from(state.status & 2 != 0),
        21 => u16::from(state.status & 1 != 0),
        22 => u16::from(out.vector),
        23 => u16::from(out.ended),
        24 => u16::from(out.notes),
        _ => masks[usize::from(key)],
    }
}

/// What stands for a plane in its controller, with the plane above bit 7 as in what is wanted.
fn found_of_plane(key: u16, value: u16, vcpu: &VcpuWithApics) -> u16 {
    let plane = Plane::new((value >> 8) as u8).unwrap();
    let apic = vcpu.apic(plane);
    let holds = |key: u16, vector: u8| match key {
        25 => apic.pends(vector),
        27 => apic.serves(vector),
        29 => vcpu.slot(plane, vector).0,
        _ => vcpu.slot(plane, vector).1,
    };
    let found = match key {
        33 => apic.tpr() & 0xf0,
        34 => apic.ppr() & 0xf0,
        26 | 28 | 30 | 32 => (0..=255).filter(|&vector| holds(key - 1, vector)).count() as u8,
        _ if holds(key, value as u8) => value as u8,
        _ => return u16::MAX,
    };
    u16::from(plane.number()) << 8 | u16::from(found)
}

enum Tested<'policy> {
    Plain(Vcpu<'policy>),
    WithApics(Box<VcpuWithApics<'policy>>),
}

impl Tested<'_> {
    fn act(&mut self, step: &Step) -> Outcome {
        let plane = Plane::new(step.plane);
        match self {
            Self::Plain(vcpu) if step.event == ANSWER => vcpu.answer(),
            Self::WithApics(vcpu) if step.event == ANSWER => vcpu.answer(),
            Self::Plain(vcpu) => vcpu.step(Event::from_number(step.event, plane).unwrap()),
            Self::WithApics(vcpu) => {
                let event = ChipEvent::from_number(step.event, plane, step.arg);
                vcpu.step(event.unwrap()).unwrap()
            }
        }
    }

    fn found(&self, want: &Want, out: &Outcome) -> u16 {
        match self {
            Self::Plain(vcpu) => found(want.key, want.value, out, vcpu.state()),
            Self::WithApics(vcpu) if want.key >= 25 => found_of_plane(want.key, want.value, vcpu),
            Self::WithApics(vcpu) => found(want.key, want.value, out, vcpu.state()),
        }
    }
}

fn policy_of(case: &Case, id: &str) -> Policy {
    let policy = Policy::from_values(&case.fields).unwrap_or_else(|e| panic!("{id}: {e:?}"));
    match case.algorithm {
        0 => policy,
        1 => policy.by(Algorithm::Rank),
        _ => policy.by(Algorithm::RoundRobin),
    }
}

fn run(case: &Case) -> usize {
    let id = unsafe { CStr::from_ptr(case.id) }.to_str().unwrap();
    let policy = policy_of(case, id);
    let mut vcpu = if case.controller == NO_CONTROLLER {
        Tested::Plain(Vcpu::in_state(&policy, case.start).unwrap())
    } else {
        let controller = unsafe { &*shim_controllers.add(usize::from(case.controller)) };
        let vcpu = VcpuWithApics::in_state(&policy, controller, case.start);
        Tested::WithApics(Box::new(vcpu.unwrap()))
    };
    for i in 0..case.n_steps {
        let step = unsafe { &*shim_steps.add(usize::from(case.step + i)) };
        let out = vcpu.act(step);
        let first = unsafe { shim_wants.add(usize::from(step.want)) };
        for want in unsafe { from_raw_parts(first, usize::from(step.n_wants)) } {
            let seen = vcpu.found(want, &out);
            assert_eq!(seen, want.value, "{id}: step {}: key {}", i + 1, want.key);
        }
    }
    usize::from(case.n_steps)
}

#[test]
fn every_case_agrees() {
    let cases = unsafe { from_raw_parts(shim_cases, shim_n_cases) };
    let steps: usize = cases.iter().map(run).sum();
    println!("{} cases, {steps} steps: all agree", cases.len());
    assert!(cases.iter().all(|case| case.planes <= 16));
    assert!(cases.iter().any(|case| case.controller != NO_CONTROLLER));
    assert!(cases.iter().any(|case| case.algorithm != 0));
    assert!(cases.len() > 100);
}
