//! Links the part of the C compiler's library that unwinds panics into the program. As a shared library it would be found,
//! mapped and relocated anew each time an agent calls a hook.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    // Of another system's compiler nothing is known here; the program then loads the shared one.
    if target("OS") != "linux" || target("ENV") != "gnu" || std::env::var("HOST") != std::env::var("TARGET") {
        return;
    }
    let told = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output().map(|output| output.stdout);
    let told = String::from_utf8(told.unwrap_or_default()).unwrap_or_default();
    // A name alone is what it says of a file that it does not have.
    if let Some(folder) = Path::new(told.trim()).parent().filter(|folder| folder.is_absolute()) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
