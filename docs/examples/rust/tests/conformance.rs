//! Every conformance case of the project, from the table that `planesched conform --c-table` wrote.
#![cfg(cases)]

use planesched::{Event, Outcome, Plane, Policy, State, Vcpu};
use std::ffi::{c_char, CStr};
use std::slice::from_raw_parts;

const ANSWER: u8 = 255;

#[repr(C)]
struct Want {
    key: u16,
    value: u16,
}

#[repr(C)]
struct Step {
    event: u8,
    plane: u8,
    want: u16,
    n_wants: u16,
}

#[repr(C)]
struct Case {
    id: *const c_char,
    fields: [u16; 24],
    start: State,
    step: u16,
    n_steps: u16,
}

extern "C" {
    static shim_cases: *const Case;
    static shim_steps: *const Step;
    static shim_wants: *const Want;
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
        _ => masks[usize::from(key)],
    }
}

fn run(case: &Case) -> usize {
    let id = unsafe { CStr::from_ptr(case.id) }.to_str().unwrap();
    let policy = Policy::from_values(&case.fields).unwrap_or_else(|e| panic!("{id}: {e:?}"));
    let mut vcpu = Vcpu::in_state(&policy, case.start).expect("a state that can be");
    for i in 0..case.n_steps {
        let step = unsafe { &*shim_steps.add(usize::from(case.step + i)) };
        let out = if step.event == ANSWER {
            vcpu.answer()
        } else {
            let event = Event::from_number(step.event, Plane::new(step.plane));
            vcpu.step(event.expect("an event of the rules"))
        };
        let wants = unsafe {
            from_raw_parts(
                shim_wants.add(usize::from(step.want)),
                usize::from(step.n_wants),
            )
        };
        for want in wants {
            let seen = found(want.key, want.value, &out, vcpu.state());
            // not_flags: none of them may be there
            let expected = want.value;
            assert_eq!(seen, expected, "{id}: step {}: key {}", i + 1, want.key);
        }
    }
    usize::from(case.n_steps)
}

#[test]
fn every_case_agrees() {
    let cases = unsafe { from_raw_parts(shim_cases, shim_n_cases) };
    let steps: usize = cases.iter().map(run).sum();
    println!("{} cases, {steps} steps: all agree", cases.len());
    assert!(cases.len() > 100);
}
