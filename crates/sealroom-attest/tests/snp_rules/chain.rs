//! Certificates: whose they are, who signed them, how they come.

use crate::case::{Case, each_is_refused, genoa_rows};
use sealroom_attest::Rule;
use sealroom_evidence::snp::Product;
use sealroom_testpki::amd::{Fake, Signed, Signer, oid};
use sealroom_testpki::x509::asn1::{ia5_string, number};
use sealroom_testpki::x509::{Extension, Key, Name};

#[test]
fn rule_10_roots_of_somebody_else() {
    genoa_rows(&[
        ("another root", |case| case.root_of = None, Rule::PinnedRoot),
        ("the root of another product", |case| case.root_of = Some(Product::Milan), Rule::Product),
        (
            "a byte behind the root",
            |case| case.edit = |it| it.ark.push(0),
            Rule::EndorsementsFormat,
        ),
    ]);
}

#[test]
fn rule_12_chains_that_do_not_hold() {
    genoa_rows(&[
        (
            "root signed by another",
            |case| case.fake.ark.by = Signer::Stranger,
            Rule::CertificateChain,
        ),
        (
            "root of another name",
            |case| case.fake.ark.content.issuer = Name::amd("ARK-Other"),
            Rule::CertificateChain,
        ),
        (
            "root that may not sign",
            |case| case.fake.ark.content.extensions[0] = Extension::basic_constraints(false, None),
            Rule::CertificateChain,
        ),
        (
            "ASK signed by another",
            |case| case.fake.ask.by = Signer::Stranger,
            Rule::CertificateChain,
        ),
        (
            "ASK by another name",
            |case| case.fake.ask.content.issuer = Name::amd("ARK-Milan"),
            Rule::CertificateChain,
        ),
        (
            "ASK that may not sign",
            |case| case.fake.ask.content.extensions[0] = Extension::basic_constraints(false, None),
            Rule::CertificateChain,
        ),
        (
            "ASK without a usage",
            |case| case.fake.ask.content.remove("2.5.29.15"),
            Rule::CertificateChain,
        ),
        (
            "ASK with the usage of a leaf",
            |case| case.fake.ask.content.extensions[1] = Extension::leaf_usage(),
            Rule::CertificateChain,
        ),
        (
            "VCEK signed by another",
            |case| case.fake.vek.by = Signer::Stranger,
            Rule::CertificateChain,
        ),
        ("VCEK signed by the root", |case| case.fake.vek.by = Signer::Ark, Rule::CertificateChain),
        (
            "VCEK by another name",
            |case| case.fake.vek.content.issuer = Name::amd("SEV-Milan"),
            Rule::CertificateChain,
        ),
        (
            "VLEK signed by an ASK",
            |case| case.fake.vek.content.subject = Name::amd("SEV-VLEK"),
            Rule::CertificateChain,
        ),
        (
            "an ASK as if it were a VCEK",
            |case| case.fake.vek.content.subject = Name::amd("SEV-Genoa"),
            Rule::CertificateChain,
        ),
        (
            "the ASK of another product",
            |case| {
                case.fake.ask.content.subject = Name::amd("SEV-Turin");
                case.fake.vek.content.issuer = Name::amd("SEV-Turin");
            },
            Rule::Product,
        ),
        (
            "the VCEK of another product",
            |case| case.fake.vek.content.put(oid::PRODUCT_NAME, ia5_string("Milan-B0")),
            Rule::Product,
        ),
        (
            "the VCEK of no product",
            |case| case.fake.vek.content.put(oid::PRODUCT_NAME, ia5_string("Naples")),
            Rule::Product,
        ),
        ("CPUID of Milan", |case| case.fake.report.cpuid = [0x19, 0x01, 1], Rule::Product),
        ("CPUID of Turin", |case| case.fake.report.cpuid = [0x1a, 0x02, 1], Rule::Product),
        ("CPUID of nothing", |case| case.fake.report.cpuid = [0; 3], Rule::Product),
        (
            "certificates swapped",
            |case| case.hand_over = |it| vec![it.vek.clone(), it.ark.clone(), it.ask.clone()],
            Rule::PinnedRoot,
        ),
    ]);
    each_is_refused(
        || Case::new(Fake::vlek(Product::Genoa), Product::Genoa),
        &[
            (
                "VCEK signed by an ASVK",
                |case| case.fake.vek.content.subject = Name::amd("SEV-VCEK"),
                Rule::CertificateChain,
            ),
            (
                "VLEK signed by an ASK's key",
                |case| case.fake.vek.by = Signer::Ask,
                Rule::CertificateChain,
            ),
            (
                "the ASVK of another product",
                |case| {
                    case.fake.ask.content.subject = Name::amd("SEV-VLEK-Milan");
                    case.fake.vek.content.issuer = Name::amd("SEV-VLEK-Milan");
                },
                Rule::Product,
            ),
        ],
    );
}

#[test]
fn certificates_that_are_not_as_amd_writes_them() {
    genoa_rows(&[
        ("no certificate", |case| case.hand_over = |_| Vec::new(), Rule::EndorsementsPresent),
        (
            "one too few",
            |case| case.hand_over = |it| vec![it.vek.clone(), it.ask.clone()],
            Rule::EndorsementsPresent,
        ),
        (
            "one too many",
            |case| case.hand_over = |it| [it.list(), vec![it.ark.clone()]].concat(),
            Rule::EndorsementsPresent,
        ),
        (
            "a byte behind the VCEK",
            |case| case.edit = |it| it.vek.push(0),
            Rule::EndorsementsFormat,
        ),
        ("half an ASK", |case| case.edit = |it| it.ask.truncate(300), Rule::EndorsementsFormat),
        (
            "another algorithm outside than inside",
            |case| {
                case.edit = |it| {
                    // The last byte of the parameters stands before the signature's 256 and their header of 5.
                    let trailer = it.vek.len() - 256 - 5 - 1;
                    assert_eq!(it.vek[trailer - 4..=trailer], [0xa3, 3, 2, 1, 1]);
                    it.vek[trailer] = 2;
                };
            },
            Rule::EndorsementsFormat,
        ),
        (
            "a signature that is not RSASSA-PSS",
            |case| {
                case.edit = |it| {
                    let pss = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a];
                    let at = it.vek.windows(9).rposition(|it| it == pss);
                    it.vek[at.expect("it is there twice") + 8] = 0x0c;
                };
            },
            Rule::EndorsementsFormat,
        ),
        (
            "very long",
            |case| case.fake.vek.content.put("1.2.3", vec![0; 1 << 14]),
            Rule::EndorsementsFormat,
        ),
        (
            "an extension twice",
            |case| {
                let again = Extension::new(oid::TEE, number(1));
                case.fake.vek.content.extensions.push(again);
            },
            Rule::EndorsementsFormat,
        ),
        (
            "a critical extension that nobody knows",
            |case| {
                let critical = Extension { critical: true, ..Extension::new("1.2.3", [5, 0]) };
                case.fake.vek.content.extensions.push(critical);
            },
            Rule::EndorsementsFormat,
        ),
        (
            "a key of another curve",
            |case| case.fake.vek.content.spki = Key::p256().spki(),
            Rule::EndorsementsFormat,
        ),
        (
            "an RSA key",
            |case| case.fake.vek.content.spki = Signer::Stranger.key().spki(),
            Rule::EndorsementsFormat,
        ),
        (
            "no version of the structure",
            |case| case.fake.vek.content.remove(oid::STRUCT_VERSION),
            Rule::EndorsementsFormat,
        ),
        (
            "a new version of the structure",
            |case| case.fake.vek.content.put(oid::STRUCT_VERSION, number(2)),
            Rule::EndorsementsFormat,
        ),
        (
            "Turin's version of the structure without its part",
            |case| case.fake.vek.content.put(oid::STRUCT_VERSION, number(1)),
            Rule::EndorsementsFormat,
        ),
        (
            "no product",
            |case| case.fake.vek.content.remove(oid::PRODUCT_NAME),
            Rule::EndorsementsFormat,
        ),
        (
            "no microcode",
            |case| case.fake.vek.content.remove(oid::MICROCODE),
            Rule::EndorsementsFormat,
        ),
        (
            "a version above 255",
            |case| case.fake.vek.content.put(oid::SNP, number(256 + 20)),
            Rule::EndorsementsFormat,
        ),
        (
            "a version for a part that is not there",
            |case| {
                case.fake.vek.content.put(oid::SPARE_4, number(1));
            },
            Rule::EndorsementsFormat,
        ),
    ]);
}

#[test]
fn rule_15_the_hosts_table_is_believed_no_more_than_a_list() {
    each_is_refused(
        || {
            let mut case = Case::genoa();
            case.hand_over = |it| vec![it.table(false)];
            case
        },
        &[
            ("another root", |case| case.root_of = None, Rule::PinnedRoot),
            ("no table", |case| case.hand_over = |_| vec![Vec::new()], Rule::EndorsementsPresent),
            (
                "the certificate under another name",
                |case| case.hand_over = |it| vec![it.table(true)],
                Rule::EndorsementsPresent,
            ),
            (
                "half a table",
                |case| case.hand_over = |it| vec![it.table(false)[..50].to_vec()],
                Rule::EndorsementsFormat,
            ),
            (
                "something else than PEM",
                |case| {
                    case.hand_over = |it| {
                        let mut table = it.table(false);
                        table[24 * 5] = b'+';
                        vec![table]
                    };
                },
                Rule::EndorsementsFormat,
            ),
            (
                "more than a list behind it",
                |case| case.hand_over = |it| vec![it.table(false), it.ark.clone(), it.ark.clone()],
                Rule::EndorsementsPresent,
            ),
            (
                "our own list goes before the host's",
                |case| case.hand_over = |it| vec![it.table(false), it.ark.clone()],
                Rule::RevocationList,
            ),
            (
                "a list of the host's that is none",
                |case| {
                    case.edit = |it| it.crl = Some(it.ark.clone());
                },
                Rule::RevocationList,
            ),
        ],
    );
    let mut case = Case::genoa();
    case.hand_over = |it| {
        let own = it.crl.clone().unwrap();
        vec![Signed { crl: None, ..it.clone() }.table(false), own]
    };
    assert!(case.judge().verdict.is_trusted(), "a table without a list, and our own behind it");
}
