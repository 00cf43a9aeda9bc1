//! What these tests share.
#![allow(dead_code, unreachable_pub, reason = "each test uses some")]

pub mod bench;

use sealroom_protocol::package::RuntimeName;
use sealroom_resolve::{Target, Tools};
use std::{collections::BTreeSet, env, path::PathBuf};

/// The folder that the checkout's `make setup` has made.
fn runtimes() -> PathBuf {
    let executable = env::current_exe().unwrap();
    let found = executable.ancestors().map(|folder| folder.join("runtime"));
    let mut found = found.filter(|folder| folder.join("tools/bin/uv").is_file());
    found.next().expect("there is no uv: run `make setup`")
}

/// uv of the checkout's `make setup`.
pub fn uv() -> PathBuf {
    runtimes().join("tools/bin/uv")
}

/// It, and pip beside it.
pub fn tools() -> Tools {
    Tools::locate(Some(&runtimes())).unwrap()
}

pub fn target(python: &str, base: &[(&str, &str)]) -> Target {
    Target {
        runtime: RuntimeName::default(),
        python: python.to_owned(),
        arch: "x86_64".to_owned(),
        glibc: (2, 36),
        platform_tags: Target::platform_tags_of("x86_64", (2, 36)),
        base: base.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect(),
        allow_source: BTreeSet::new(),
    }
}
