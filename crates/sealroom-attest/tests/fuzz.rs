//! The functions that `cargo fuzz` runs for long, for a short while and on the corpus (`fuzz/`).

use bolero::check;

#[allow(unreachable_pub, reason = "the fuzzing crate calls them from outside")]
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

macro_rules! targets {
    ($($name:ident)+) => {$(
        #[test]
        fn $name() {
            let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/", stringify!($name));
            let mut seeds = 0;
            for seed in std::fs::read_dir(corpus).expect("a corpus") {
                targets::$name(&std::fs::read(seed.expect("a seed").path()).expect("a seed"));
                seeds += 1;
            }
            assert!(seeds > 0);
            check!().for_each(|bytes: &[u8]| targets::$name(bytes));
        }
    )+};
}

targets!(snp_report cert_table dcap_quote event_log tpm_quote hcl_report bundle policy collateral verify);
