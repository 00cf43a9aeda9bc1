//! Reading what others wrote: the format, its bounds, and what is told of its contents.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use sealroom_collateral::{Collateral, MAX_FILE, ReadError};
use sealroom_protocol::EvidenceKind;
use std::fs;

fn set(case: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/attestation/");
    fs::read(format!("{folder}{case}/collateral.json")).unwrap()
}

#[test]
fn a_bare_intel_set_is_read_too() {
    for (case, kind) in
        [("tdx/gcp-v4-2026", EvidenceKind::Tdx), ("sgx/coffeelake-v3-stale-crl", EvidenceKind::Sgx)]
    {
        let set = set(case);
        let found = Collateral::read(&set).unwrap();
        assert_eq!((found.kind, &found.endorsements[0].0), (kind, &set), "byte for byte");
        assert_eq!(Collateral::read(&found.write()).unwrap(), found);
    }
}

#[test]
fn what_is_no_collateral_is_refused_for_its_own_reason() {
    type Wanted = fn(&ReadError) -> bool;
    let is_format: Wanted = |error| matches!(error, ReadError::Format(_));
    let one = |version: u32, kind: &str, items: &str| {
        format!(r#"{{"version":{version},"kind":"{kind}","endorsements":[{items}]}}"#)
    };
    let many = vec![r#""AA==""#; 17].join(",");
    let large = format!(r#""{}""#, "AAAA".repeat((1 << 20) / 3 + 1));
    let faults: Vec<(String, Wanted)> = vec![
        (String::new(), is_format),
        ("[]".to_owned(), is_format),
        (one(2, "tdx", r#""AA==""#), |e| matches!(e, ReadError::Version(2))),
        (one(1, "tdx", ""), |e| matches!(e, ReadError::Items(0))),
        (one(1, "tdx", &many), |e| matches!(e, ReadError::Items(17))),
        (one(1, "tdx", &large), |e| matches!(e, ReadError::Size { limit: 1_048_576, .. })),
        (one(1, "simulated", r#""AA==""#), |e| matches!(e, ReadError::Kind(_))),
        (one(1, "tpm", r#""AA==""#), |e| matches!(e, ReadError::Kind(_))),
        (one(1, "trustzone", r#""AA==""#), is_format),
        (one(1, "tdx", "7"), is_format),
        (one(1, "tdx", r#""!""#), is_format),
        (one(1, "tdx", r#""AA==""#).replace("\"kind\"", "\"more\":1,\"kind\""), is_format),
        (one(1, "tdx", r#""AA==""#).replace("\"kind\"", "\"version\":1,\"kind\""), is_format),
        (" ".repeat(MAX_FILE + 1), |e| matches!(e, ReadError::Size { .. })),
    ];
    for (text, wanted) in faults {
        let error = Collateral::read(text.as_bytes()).unwrap_err();
        let start: String = text.chars().take(80).collect();
        assert!(wanted(&error), "{start}: {error:?}");
    }
    let mut strange: serde_json::Value = serde_json::from_slice(&set("tdx/gcp-v4-2026")).unwrap();
    strange["tcb_info"] = "{}".into();
    let error = Collateral::read(strange.to_string().as_bytes()).unwrap_err();
    assert!(matches!(error, ReadError::Tee), "{error:?}");
}

#[test]
fn the_parts_say_what_they_are_and_until_when_they_count() {
    let parts = Collateral::read(&set("tdx/gcp-v4-2026")).unwrap().parts();
    let info = parts.iter().find(|part| part.what == "TCB info of TDX").unwrap();
    assert_eq!(info.fmspc.as_deref(), Some("00806F050000"));
    assert_eq!(info.evaluation, Some(19));
    assert_eq!(info.issued.unwrap().to_string(), "2026-06-30T07:53:47Z");
    assert_eq!(info.expires.unwrap().to_string(), "2026-07-30T07:53:47Z");
    let lists: Vec<_> = parts.iter().filter_map(|part| part.revoked.map(|_| &part.what)).collect();
    assert_eq!(
        lists,
        ["revocations by Intel SGX PCK Platform CA", "revocations by Intel SGX Root CA"]
    );
    let certificates = parts.iter().filter(|part| part.what.starts_with("certificate of ")).count();
    assert_eq!(certificates, 3, "{parts:#?}");
}

#[test]
fn all_of_it_counts_until_its_first_part_runs_out() {
    // As `valid window` of the README has it: 2026-07-08T11:28:48Z.
    let found = Collateral::read(&set("tdx/azure-v4-vtpm")).unwrap();
    assert_eq!(found.expires(), Some(1_783_510_128));
    let unreadable = Collateral::new(EvidenceKind::Snp, vec![b"hello".to_vec()]);
    assert_eq!(unreadable.expires(), None);
    assert_eq!(unreadable.parts().len(), 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Collateral::read(&bytes);
        let _ = Collateral::new(EvidenceKind::Snp, vec![bytes]).parts();
    }

    #[test]
    fn no_spoiled_set_makes_it_panic(at in 0usize..18_000, byte: u8) {
        let mut set = set("tdx/gcp-v4-2026");
        set[at] = byte;
        if let Ok(found) = Collateral::read(&set) {
            let _ = found.parts();
        }
    }
}
