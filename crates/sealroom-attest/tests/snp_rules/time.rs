//! Dates and lists of revoked certificates.

use crate::case::{Case, each_is_refused, genoa_rows, list};
use sealroom_attest::{Outcome, Rule};
use sealroom_testpki::amd::{NOW, Signer};
use sealroom_testpki::x509::asn1::number;
use sealroom_testpki::x509::{Extension, Name, pem};

#[test]
fn rule_16_dates() {
    genoa_rows(&[
        ("VCEK of tomorrow", |case| case.fake.vek.content.not_before = NOW + 1, Rule::NotYetValid),
        ("ASK of tomorrow", |case| case.fake.ask.content.not_before = NOW + 1, Rule::NotYetValid),
        ("ARK of tomorrow", |case| case.fake.ark.content.not_before = NOW + 1, Rule::NotYetValid),
        ("list of tomorrow", |case| list(case).content.this_update = NOW + 1, Rule::NotYetValid),
        ("VCEK of yesterday", |case| case.fake.vek.content.not_after = NOW - 1, Rule::NotExpired),
        ("ASK of yesterday", |case| case.fake.ask.content.not_after = NOW - 1, Rule::NotExpired),
        ("ARK of yesterday", |case| case.fake.ark.content.not_after = NOW - 1, Rule::NotExpired),
        (
            "list of yesterday",
            |case| list(case).content.next_update = Some(NOW - 1),
            Rule::NotExpired,
        ),
        ("a clock before all of it", |case| case.now = 0, Rule::NotYetValid),
        ("a clock behind all of it", |case| case.now = u64::MAX, Rule::NotExpired),
    ]);
    // The seconds themselves count.
    let mut case = Case::genoa();
    (case.fake.vek.content.not_before, case.fake.vek.content.not_after) = (NOW, NOW);
    list(&mut case).content.this_update = NOW;
    list(&mut case).content.next_update = Some(NOW);
    let judgement = case.judge();
    assert!(judgement.verdict.is_trusted());
    assert_eq!((judgement.issued, judgement.expires), (Some(NOW), Some(NOW)));
}

#[test]
fn rule_17_lists_of_revoked_certificates() {
    genoa_rows(&[
        ("none", |case| case.fake.crl = None, Rule::RevocationList),
        ("not one", |case| case.edit = |it| it.crl = Some(vec![0x30, 0]), Rule::RevocationList),
        (
            "a byte behind it",
            |case| case.edit = |it| it.crl.as_mut().unwrap().push(0),
            Rule::RevocationList,
        ),
        (
            "as PEM in a list",
            |case| {
                case.edit =
                    |it| it.crl = it.crl.as_ref().map(|list| pem("X509 CRL", list).into_bytes());
            },
            Rule::RevocationList,
        ),
        ("by somebody", |case| list(case).by = Signer::Stranger, Rule::RevocationList),
        ("by the ASK", |case| list(case).by = Signer::Ask, Rule::RevocationList),
        (
            "of another name",
            |case| list(case).content.issuer = Name::amd("ARK-Milan"),
            Rule::RevocationList,
        ),
        ("without an end", |case| list(case).content.next_update = None, Rule::RevocationList),
        (
            "of changes only",
            |case| {
                let delta = Extension { critical: true, ..Extension::new("2.5.29.27", number(1)) };
                list(case).content.extensions.push(delta);
            },
            Rule::RevocationList,
        ),
    ]);
}

#[test]
fn a_list_is_looked_at_even_where_none_is_asked_for() {
    let lenient = || {
        let mut case = Case::genoa();
        case.policy.snp.require_crl = false;
        case
    };
    each_is_refused(
        lenient,
        &[
            ("by somebody", |case| list(case).by = Signer::Stranger, Rule::RevocationList),
            ("revoked", |case| list(case).content.revoked = vec![vec![1, 0, 1]], Rule::NotRevoked),
        ],
    );
    let mut case = lenient();
    case.fake.crl = None;
    let judgement = case.judge();
    assert!(judgement.verdict.is_trusted());
    let checks = &judgement.verdict.checks;
    let found = checks.iter().find(|check| check.code == Rule::RevocationList.code()).unwrap();
    assert_eq!(found.outcome, Outcome::Warned);
}

#[test]
fn rule_18_revoked_certificates() {
    genoa_rows(&[
        ("the ASK", |case| list(case).content.revoked = vec![vec![1, 0, 1]], Rule::NotRevoked),
        (
            "the ASK among others",
            |case| list(case).content.revoked = vec![vec![9], vec![1, 0, 1], vec![7]],
            Rule::NotRevoked,
        ),
        ("the ARK", |case| list(case).content.revoked = vec![vec![1, 0, 0]], Rule::NotRevoked),
    ]);
    let mut case = Case::genoa();
    // Every VCEK has serial 0: a list by the ARK is not about them.
    list(&mut case).content.revoked = vec![vec![0], vec![1], vec![1, 0, 2]];
    assert!(case.judge().verdict.is_trusted());
}
