use super::*;
use crate::{Measure, Outcome, Policy, Roots, policy::AzurePolicy};
use proptest::prelude::*;
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use std::collections::BTreeSet;

const GOOD: &str = r#"{"keys":[{"kid":"HCLAkPub","key_ops":["sign"],"kty":"RSA","e":"AQAB","n":"gAAB"},{"kid":"HCLEkPub","key_ops":["encrypt"],"kty":"RSA","e":"AQAB","n":"gAAC"}],"vm-configuration":{"console-enabled":false,"root-cert-thumbprint":"","secure-boot":true,"tpm-enabled":true,"tpm-persisted":true,"filtered-vpci-devices-allowed":false,"vmUniqueId":"390CBCF5"},"user-data":"00"}"#;

fn parse(text: &str) -> Runtime {
    Runtime::parse(text.as_bytes()).unwrap()
}

fn key(text: &str) -> Result<AttestationKey, &'static str> {
    parse(text).key()
}

/// The outcome of each check of the configuration.
fn configuration(text: &str, policy: Option<&AzurePolicy>) -> Vec<(Outcome, String)> {
    let policy = policy.map(|azure| Policy { azure: azure.clone(), ..Policy::default() });
    let (roots, statuses) = (Roots::pinned(), BTreeSet::new());
    let evidence =
        Evidence { kind: EvidenceKind::AzureSnp, quote: Base64(vec![]), endorsements: vec![] };
    let measure = policy.as_ref().map_or(Measure::Genuine(&statuses), Measure::Policy);
    let request = Request {
        evidence: &evidence,
        endorsements: &[],
        report_data: None,
        measure,
        now: 0,
        roots: &roots,
    };
    let mut found = Findings::default();
    parse(text).check_configuration(&request, &mut found);
    assert!(found.checks.iter().all(|check| check.code == Rule::VmConfiguration.code()));
    found.checks.into_iter().map(|check| (check.outcome, check.text)).collect()
}

#[test]
fn the_key_is_the_one_of_that_name() {
    let expected = AttestationKey::Rsa { n: vec![0x80, 0, 1], e: vec![1, 0, 1] };
    assert_eq!(key(GOOD), Ok(expected));
}

#[test]
fn a_key_that_is_not_clearly_that_one_is_refused() {
    for (name, from, to, says) in [
        ("no key of that name", "HCLAkPub", "HCLAkPu", "no such key"),
        ("two of that name", "HCLEkPub", "HCLAkPub", "several"),
        ("no list", r#""keys":["#, r#""keyz":["#, "no list"),
        ("another type", r#""kty":"RSA""#, r#""kty":"EC""#, "`kty`"),
        ("for something else", r#"["sign"]"#, r#"["encrypt"]"#, "`key_ops`"),
        ("for something else too", r#"["sign"]"#, r#"["sign","encrypt"]"#, "`key_ops`"),
        ("for nothing that is said", r#""key_ops":["sign"],"#, "", "its use"),
        ("no base64url", "gAAB", "gA+B", "`n`"),
        ("padding", "gAAB", "gAA=", "`n`"),
        ("bits left over", "gAAB", "gAB", "`n`"),
        ("a zero in front", "gAAB", "AAAB", "`n`"),
        ("no exponent", r#""e":"AQAB""#, r#""e":"""#, "`e`"),
    ] {
        let bad = GOOD.replacen(from, to, 1);
        assert_ne!(bad, GOOD, "{name}");
        let refused = key(&bad).unwrap_err();
        assert!(refused.contains(says), "{name}: {refused}");
    }
}

#[test]
fn a_name_that_comes_twice_is_refused_at_any_depth() {
    for (from, to) in [
        (r#""user-data""#, r#""keys":[],"user-data""#),
        (r#""secure-boot":true"#, r#""secure-boot":true,"secure-boot":false"#),
        (r#""kid":"HCLAkPub""#, r#""kid":"HCLAkPub","kid":"x""#),
        (r#""user-data""#, r#""other":[{"deep":[{"a":1,"a":1}]}],"user-data""#),
    ] {
        let bad = GOOD.replacen(from, to, 1);
        let refused = Runtime::parse(bad.as_bytes()).err().unwrap().to_string();
        assert!(refused.contains("twice"), "{refused}");
    }
    for bad in ["", "[]", "1", &GOOD[1..], &format!("{GOOD}1")] {
        assert!(Runtime::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn the_set_up_is_for_the_policy_to_accept() {
    let console = GOOD.replace(r#""console-enabled":false"#, r#""console-enabled":true"#);
    let interactive = GOOD.replace(
        r#""console-enabled":false"#,
        r#""console-enabled":false,"interactive-console-enabled":true"#,
    );
    let insecure = GOOD.replace(r#""secure-boot":true"#, r#""secure-boot":false"#);
    let devices = GOOD.replace(r#"-allowed":false"#, r#"-allowed":true"#);
    let strict = AzurePolicy { require_secure_boot: true, ..AzurePolicy::default() };
    let lax = AzurePolicy {
        allow_console: true,
        allow_vpci_devices: true,
        require_secure_boot: false,
        ..AzurePolicy::default()
    };
    assert_eq!(configuration(GOOD, Some(&strict))[0].0, Outcome::Passed);
    for (text, says) in [
        (&console, "console"),
        (&interactive, "console"),
        (&insecure, "secure boot is off"),
        (&devices, "devices"),
    ] {
        let (outcome, said) = &configuration(text, Some(&strict))[0];
        assert_eq!(*outcome, Outcome::Failed);
        assert!(said.contains(says), "{said}");
        assert_eq!(configuration(text, Some(&strict)).len(), 1);
        assert_eq!(configuration(text, Some(&lax))[0].0, Outcome::Passed, "{says}");
        assert_eq!(configuration(text, None)[0].0, Outcome::Open, "{says}");
    }
}

#[test]
fn what_is_not_known_of_the_set_up_is_refused_without_a_policy_too() {
    let lax =
        AzurePolicy { allow_console: true, allow_vpci_devices: true, ..AzurePolicy::default() };
    for (from, to, says) in [
        (r#""secure-boot":true"#, r#""secure-boot":"true""#, "`secure-boot` is"),
        (r#""secure-boot":true,"#, "", "`secure-boot` is not said"),
        (r#""console-enabled":false,"#, "", "`console-enabled` is not said"),
        (r#""tpm-enabled":true,"#, "", "`tpm-enabled` is not said"),
        (r#""tpm-enabled":true"#, r#""tpm-enabled":false"#, "no virtual TPM"),
        (r#""tpm-persisted":true"#, r#""debugger-enabled":true"#, "`debugger-enabled` is"),
        (r#""vmUniqueId":"390CBCF5""#, r#""vmUniqueId":true"#, "`vmUniqueId` is"),
        (r#""vm-configuration""#, r#""configuration""#, "does not say"),
    ] {
        let bad = GOOD.replacen(from, to, 1);
        assert_ne!(bad, GOOD);
        for policy in [None, Some(&lax)] {
            let found = configuration(&bad, policy);
            assert_eq!(found.len(), 1);
            assert!(found[0].0 == Outcome::Failed && found[0].1.contains(says), "{found:?}");
        }
    }
    let more = GOOD.replacen(r#""secure-boot""#, r#""current-time":1661435545,"secure-boot""#, 1);
    assert_eq!(configuration(&more, Some(&lax))[0].0, Outcome::Passed);
}

proptest! {
    #[test]
    fn nothing_panics(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        _ = Runtime::parse(&bytes);
        let mut spoiled = GOOD.as_bytes().to_vec();
        *at.get_mut(&mut spoiled) = byte;
        if let Ok(runtime) = Runtime::parse(&spoiled) {
            _ = runtime.key();
        }
    }
}
