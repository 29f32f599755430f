//! Names the shared library as programs that are linked with it look for it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // To be raised when a program that was linked before would no longer work.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libunflatten.so.0");
}
