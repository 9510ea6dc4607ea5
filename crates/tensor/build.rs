//! Compiles the C++ shim against the libtorch that `LIBTORCH` names.

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch = std::env::var("LIBTORCH")
        .expect("LIBTORCH must name the libtorch folder to build against; `npm run setup` sets it");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .warnings(false)
        .flag_if_supported("-fvisibility=hidden")
        .include(format!("{libtorch}/include"))
        .include(format!("{libtorch}/include/torch/csrc/api/include"))
        .file("shim/dispatch.cpp")
        .file("shim/profile.cpp")
        .file("shim/state.cpp")
        .compile("vissl_shim");
}
