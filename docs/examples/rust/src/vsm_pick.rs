// SPDX-License-Identifier: MIT
//! vsm_pick(): which of 3 planes runs next, under the policy vsm. Returns the
//! plane, or 255 where none can.
//! direction = highest_first, ret = next_online, vina = edge; else the first
//! value of the rules, 2.
//! Rules (planesched, docs/reference/rules.md): 3.3, 3.4.
//! By: planesched export vsm --planes 3 --style rust --name vsm_pick

/// Bit p of each mask speaks of plane p.
#[repr(C)]
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub online: u16,
    pub runnable: u16,
    pub irq: u16,
    pub masked: u16,
    pub nmi: u16,
    pub trap: u16,
    pub held: u16,
    pub unstarted: u16,
    pub current: i8,
}

const ABOVE_OF: [u16; 3] = [6, 4, 0];

/// See above.
#[no_mangle]
pub extern "C" fn vsm_pick(s: &State) -> u32 {
    let base: u16 = s.runnable & s.online & (!s.held);
    let mut view: u32 = s.current as u32;
    if (u32::from(base >> (s.current as u32))) & 1 == 0 && base != 0 {
        view = 15 - base.leading_zeros();
    }
    // The planes that an event brings in, seen from plane `view` (3.3).
    let able: u16 = s.online & (!s.held);
    let above: u16 = ABOVE_OF[view as usize];
    // The planes with an event that counts for a forced entry (3.3).
    let any: u16 = s.nmi | s.trap | (s.irq & (!s.masked));
    let found: u16 = able & above & any & (!s.unstarted);
    let candidates: u16 = base | found;
    if candidates != 0 {
        15 - candidates.leading_zeros()
    } else {
        255
    }
}
