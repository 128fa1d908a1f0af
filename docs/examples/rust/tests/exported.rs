//! The exported Rust is the headers' pick, on every state of 3 planes that it reads.

use planesched::{vsm_pick, Field, Policy, State, Vcpu};

#[test]
fn the_exported_pick_is_that_of_the_headers() {
    let policy = Policy::new(&[(Field::Direction, 1), (Field::Ret, 1), (Field::Vina, 1)]).unwrap();
    let rows = 129_u32; // offline, or online with seven bits
    for number in 0..3 * rows.pow(3) {
        let mut s = State {
            current: (number % 3) as i8,
            ..State::default()
        };
        let mut rest = number / 3;
        for plane in 0..3 {
            let row = rest % rows;
            rest /= rows;
            if row == 0 {
                continue;
            }
            s.online |= 1 << plane;
            let bit = |i: u32| ((row - 1) >> i & 1) as u16 * (1 << plane);
            s.runnable |= bit(0);
            s.irq |= bit(1);
            s.masked |= bit(2);
            s.nmi |= bit(3);
            s.trap |= bit(4);
            s.held |= bit(5);
            s.unstarted |= bit(6);
        }
        let mine = vsm_pick::State {
            online: s.online,
            runnable: s.runnable,
            irq: s.irq,
            masked: s.masked,
            nmi: s.nmi,
            trap: s.trap,
            held: s.held,
            unstarted: s.unstarted,
            current: s.current,
        };
        let got = vsm_pick::vsm_pick(&mine);
        let want = Vcpu::in_state(&policy, s).unwrap().pick();
        assert_eq!(
            got,
            want.map_or(255, |plane| u32::from(plane.number())),
            "{s:?}"
        );
    }
}
