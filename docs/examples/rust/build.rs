//! Compiles the C headers with `cc`, without any other crate, and asks them how their structs lie.
//!
//! `PLANESCHED_INCLUDE` is the folder of the headers (`planesched.get_include()`);
//! `PLANESCHED_CASES`, for the tests, the file that `planesched conform --c-table` wrote.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn run(command: &mut Command) -> String {
    let done = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        done.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).expect("C compilers and programs write UTF-8")
}

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let include = env::var("PLANESCHED_INCLUDE").expect("PLANESCHED_INCLUDE: the headers' folder");
    let cc = env::var("CC").unwrap_or_else(|_| "cc".to_string());
    for name in ["PLANESCHED_INCLUDE", "PLANESCHED_CASES", "CC"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed={include}");
    println!("cargo:rerun-if-changed=src/shim.c");
    println!("cargo:rerun-if-changed=src/layout.c");

    let mut flags = vec![
        "-std=c11".to_string(),
        "-O2".to_string(),
        "-Wall".to_string(),
    ];
    flags.extend([
        "-Wextra".to_string(),
        "-DNDEBUG".to_string(),
        format!("-I{include}"),
    ]);
    if let Ok(cases) = env::var("PLANESCHED_CASES") {
        println!("cargo:rustc-cfg=cases");
        println!("cargo:rerun-if-changed={cases}");
        flags.push(format!("-DCASES=\"{cases}\""));
    }
    let object = out.join("shim.o");
    let archive = out.join("libplanesched_shim.a");
    run(Command::new(&cc)
        .args(&flags)
        .args(["-fPIC", "-c", "src/shim.c", "-o"])
        .arg(&object));
    run(Command::new("ar").arg("crs").args([&archive, &object]));
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=planesched_shim");

    let program = out.join("layout");
    run(Command::new(&cc)
        .args(&flags)
        .args(["src/layout.c", "-o"])
        .arg(&program));
    write(&out.join("layout.rs"), &run(&mut Command::new(&program)));
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
