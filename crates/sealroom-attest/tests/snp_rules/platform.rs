//! Chip, firmware, configuration.

use crate::case::{Case, each_is_refused, failures, genoa_rows};
use sealroom_attest::Rule;
use sealroom_attest::policy::SnpPolicy;
use sealroom_evidence::snp::{Product, Tcb};
use sealroom_testpki::amd::{Fake, oid, tcb};
use sealroom_testpki::x509::asn1::number;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn rule_13_the_certificate_of_another_chip_or_firmware() {
    genoa_rows(&[
        ("another chip", |case| case.fake.vek.content.put(oid::HWID, vec![0xc2; 64]), Rule::ChipId),
        (
            "no chip in the certificate",
            |case| case.fake.vek.content.remove(oid::HWID),
            Rule::ChipId,
        ),
        (
            "the beginning of a chip",
            |case| case.fake.vek.content.put(oid::HWID, vec![0xc1; 8]),
            Rule::ChipId,
        ),
        ("another last byte", |case| case.fake.report.chip_id[63] = 0, Rule::ChipId),
        (
            "a hidden chip",
            |case| {
                case.fake.report.chip_id = [0; 64];
                case.fake.vek.content.put(oid::HWID, vec![0; 64]);
            },
            Rule::ChipId,
        ),
        (
            "another boot loader",
            |case| case.fake.vek.content.put(oid::BOOTLOADER, number(8)),
            Rule::CertifiedTcb,
        ),
        ("another TEE", |case| case.fake.vek.content.put(oid::TEE, number(0)), Rule::CertifiedTcb),
        ("another SNP", |case| case.fake.vek.content.put(oid::SNP, number(21)), Rule::CertifiedTcb),
        (
            "another microcode",
            |case| case.fake.vek.content.put(oid::MICROCODE, number(0x85)),
            Rule::CertifiedTcb,
        ),
    ]);
    each_is_refused(
        || Case::new(Fake::vcek(Product::Turin), Product::Turin),
        &[
            (
                "another FMC",
                |case| case.fake.vek.content.put(oid::FMC, number(4)),
                Rule::CertifiedTcb,
            ),
            ("more chip than there is", |case| case.fake.report.chip_id[8] = 1, Rule::ChipId),
            (
                "64 bytes in the certificate",
                |case| {
                    let chip = case.fake.report.chip_id;
                    case.fake.vek.content.put(oid::HWID, chip);
                },
                Rule::ChipId,
            ),
        ],
    );
    each_is_refused(
        || Case::new(Fake::vlek(Product::Milan), Product::Milan),
        &[
            (
                "a provider's key that names a chip",
                |case| case.fake.vek.content.put(oid::HWID, vec![0xc1; 64]),
                Rule::ChipId,
            ),
            ("of no provider", |case| case.fake.vek.content.remove(oid::CSP_ID), Rule::ChipId),
        ],
    );
}

#[test]
fn rule_14_reports_that_name_another_key() {
    genoa_rows(&[
        ("no key", |case| case.fake.report.key_info = 7 << 2, Rule::SigningKey),
        ("a VLEK", |case| case.fake.report.key_info = 1 << 2, Rule::SigningKey),
        ("an unknown key", |case| case.fake.report.key_info = 2 << 2, Rule::SigningKey),
    ]);
    each_is_refused(
        || Case::new(Fake::vlek(Product::Genoa), Product::Genoa),
        &[
            ("a VCEK", |case| case.fake.report.key_info = 0, Rule::SigningKey),
            ("a policy without VLEKs", |case| case.policy.snp.allow_vlek = false, Rule::SigningKey),
        ],
    );
}

/// Sets a report's firmware, and the certificate's with it.
fn reported(case: &mut Case, tcb: Tcb) {
    case.fake.report.reported_tcb = tcb.encode(Product::Genoa);
    for (oid, value) in [
        (oid::BOOTLOADER, tcb.bootloader),
        (oid::TEE, tcb.tee),
        (oid::SNP, tcb.snp),
        (oid::MICROCODE, tcb.microcode),
    ] {
        case.fake.vek.content.put(oid, number(u64::from(value)));
    }
}

const LEAST: Tcb = tcb(Product::Genoa);
const OLDER: Tcb = Tcb { microcode: LEAST.microcode - 1, ..LEAST };
const NEWER: Tcb = Tcb { snp: LEAST.snp + 1, ..LEAST };

#[test]
fn rule_26_firmware_that_is_too_old() {
    genoa_rows(&[
        (
            "launched on older",
            |case| case.fake.report.launch_tcb = OLDER.encode(Product::Genoa),
            Rule::MinimumTcb,
        ),
        (
            "committed to older",
            |case| case.fake.report.committed_tcb = OLDER.encode(Product::Genoa),
            Rule::MinimumTcb,
        ),
        ("reports older", |case| reported(case, OLDER), Rule::MinimumTcb),
        (
            "runs on older",
            |case| {
                case.fake.report.current_tcb = OLDER.encode(Product::Genoa);
                case.fake.report.committed_tcb = OLDER.encode(Product::Genoa);
                reported(case, OLDER);
            },
            Rule::MinimumTcb,
        ),
        (
            "one part is newer, another older",
            |case| {
                let mixed = Tcb { snp: 99, ..OLDER };
                case.fake.report.launch_tcb = mixed.encode(Product::Genoa);
            },
            Rule::MinimumTcb,
        ),
        (
            "committed to more than runs",
            |case| case.fake.report.committed_tcb = NEWER.encode(Product::Genoa),
            Rule::CommittedTcb,
        ),
        ("reports more than runs", |case| reported(case, NEWER), Rule::CommittedTcb),
    ]);
    let mut case = Case::genoa();
    case.fake.report.current_tcb = NEWER.encode(Product::Genoa);
    assert!(case.judge().verdict.is_trusted(), "what runs may be newer");
    let mut case = Case::genoa();
    case.fake.report.launch_tcb = NEWER.encode(Product::Genoa);
    assert!(case.judge().verdict.is_trusted(), "what it was launched on may have been newer");
    each_is_refused(
        || Case::new(Fake::vcek(Product::Turin), Product::Turin),
        &[(
            "launched on an older FMC",
            |case| case.fake.report.launch_tcb[0] -= 1,
            Rule::MinimumTcb,
        )],
    );
}

#[test]
fn platforms_that_are_set_up_otherwise() {
    genoa_rows(&[
        ("SMT", |case| case.fake.report.platform_info |= 1, Rule::PlatformConfiguration),
        ("no TSME", |case| case.fake.report.platform_info &= !2, Rule::PlatformConfiguration),
        ("no ECC", |case| case.fake.report.platform_info &= !4, Rule::PlatformConfiguration),
        ("RAPL", |case| case.fake.report.platform_info &= !8, Rule::PlatformConfiguration),
        (
            "ciphertext is shown",
            |case| case.fake.report.platform_info &= !16,
            Rule::PlatformConfiguration,
        ),
        (
            "aliases were not looked for",
            |case| case.fake.report.platform_info &= !32,
            Rule::PlatformConfiguration,
        ),
    ]);
    let mut case = Case::genoa();
    case.fake.report.platform_info = 1;
    let SnpPolicy { products, references, .. } = case.policy.snp;
    case.policy.snp = SnpPolicy { products, references, allow_smt: true, ..SnpPolicy::default() };
    assert!(case.judge().verdict.is_trusted(), "what is not asked for may be off");
}

#[test]
fn rule_33_single_platforms() {
    fn chip() -> String {
        "c1".repeat(64)
    }
    genoa_rows(&[
        ("refused", |case| case.policy.platforms.deny.extend([chip()]), Rule::PlatformDenied),
        (
            "not on the list",
            |case| case.policy.platforms.allow = Some(BTreeSet::from(["c2".repeat(64)])),
            Rule::PlatformAllowed,
        ),
        (
            "an empty list",
            |case| case.policy.platforms.allow = Some(BTreeSet::new()),
            Rule::PlatformAllowed,
        ),
        (
            "another product",
            |case| {
                let least = tcb(Product::Milan);
                case.policy.snp.products = BTreeMap::from([(Product::Milan, least)]);
            },
            Rule::ProductAccepted,
        ),
    ]);
    let mut case = Case::genoa();
    case.policy.platforms.allow = Some(BTreeSet::from([chip()]));
    let judgement = case.judge();
    assert!(judgement.verdict.is_trusted(), "{:#?}", judgement.verdict);
    assert_eq!(judgement.platforms, [chip()]);
    each_is_refused(
        || Case::new(Fake::vlek(Product::Genoa), Product::Genoa),
        &[
            (
                "a provider's key where there is a list",
                |case| case.policy.platforms.allow = Some(BTreeSet::from(["c1".repeat(64)])),
                Rule::PlatformAllowed,
            ),
            (
                "and no list makes nobody of a somebody",
                |case| case.policy.platforms.allow = Some(BTreeSet::from(["00".repeat(64)])),
                Rule::PlatformAllowed,
            ),
        ],
    );
    // Turin's have 8 bytes, and zeros in reports: both ways of writing it are the same chip.
    let turin = || Case::new(Fake::vcek(Product::Turin), Product::Turin);
    for written in ["c1".repeat(8), "c1".repeat(8) + &"00".repeat(56)] {
        let mut case = turin();
        case.policy.platforms.allow = Some(BTreeSet::from([written.clone()]));
        assert!(case.judge().verdict.is_trusted(), "{written}");
        case.policy.platforms.deny = BTreeSet::from([written]);
        let wanted = BTreeSet::from([Rule::PlatformDenied.code()]);
        assert_eq!(failures(&case.judge()), wanted);
    }
    let mut case = turin();
    case.policy.platforms.deny = BTreeSet::from(["c1".repeat(7)]);
    assert!(case.judge().verdict.is_trusted(), "the beginning of a chip is another chip");
    let mut case = Case::new(Fake::vlek(Product::Genoa), Product::Genoa);
    // The chip id of such a report is no platform that a certificate vouches for.
    case.fake.report.chip_id = [0xc1; 64];
    case.policy.platforms.allow = Some(BTreeSet::from([chip()]));
    let judgement = case.judge();
    assert_eq!(failures(&judgement), BTreeSet::from([Rule::PlatformAllowed.code()]));
    assert!(judgement.platforms.is_empty());
}
