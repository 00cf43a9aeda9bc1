//! From AMD's root down to the key that signs reports: ARK → ASK → VCEK, or ARK → ASVK → VLEK.

use super::{
    certificate::{Certificate, CertificateError, RevocationList},
    endorsements,
    vek::Vek,
};
use crate::{Request, Rule, judging::Findings};
use der::DateTime;
use ring::digest::{SHA256, digest};
use sealroom_evidence::snp::{Product, SigningKey};
use std::time::Duration;

/// A chain that holds.
#[derive(Debug)]
pub(super) struct Chain {
    /// By the root, and by the name of the intermediate.
    pub(super) product: Product,
    /// By the names of the intermediate and of the last certificate.
    pub(super) kind: SigningKey,
    pub(super) vek: Vek,
}

/// The three certificates.
struct Certificates<'a> {
    vek: Certificate<'a>,
    ask: Certificate<'a>,
    ark: Certificate<'a>,
}

/// Checks the certificates, their dates, and whether they were revoked. `None` if nothing that rests on them counts;
/// dates and revocation are no reason for that, they are told beside the rest.
pub(super) fn check(request: &Request<'_>, key: SigningKey, found: &mut Findings) -> Option<Chain> {
    let bytes = endorsements::read(request.endorsements(), key, found)?;
    let certificates = parse(&bytes, found)?;
    let product = check_root(request, &certificates.ark, found)?;
    let kind = check_signatures(&certificates, product, found)?;
    let vek = match Vek::read(&certificates.vek) {
        Ok(vek) => vek,
        Err(error) => {
            let text = format!("the {} certificate is not as AMD writes it: {error}", name(kind));
            found.failed(Rule::EndorsementsFormat, text);
            return None;
        }
    };
    found.passed(Rule::EndorsementsFormat, "the certificates can be read");
    let list = check_list(request, bytes.crl.as_deref(), &certificates, kind, found);
    check_dates(request.now, &certificates, kind, list, found);
    Some(Chain { product, kind, vek })
}

const fn name(kind: SigningKey) -> &'static str {
    super::signer(kind)
}

/// What the certificate between the root and the last one is called.
const fn intermediate(kind: SigningKey) -> &'static str {
    match kind {
        SigningKey::Vlek => "ASVK",
        SigningKey::Vcek | SigningKey::None => "ASK",
    }
}

fn parse<'a>(
    bytes: &'a endorsements::Endorsements<'_>,
    found: &mut Findings,
) -> Option<Certificates<'a>> {
    let mut read = |name: &str, der: &'a [u8]| match Certificate::parse(der) {
        Ok(certificate) => Some(certificate),
        Err(error) => {
            failed_to_read(name, &error, found);
            None
        }
    };
    let vek = read("VCEK or VLEK certificate", &bytes.vek);
    let (ask, ark) = (read("ASK certificate", &bytes.ask), read("ARK certificate", &bytes.ark));
    Some(Certificates { vek: vek?, ask: ask?, ark: ark? })
}

fn failed_to_read(name: &str, error: &CertificateError, found: &mut Findings) {
    found.failed(Rule::EndorsementsFormat, format!("the {name} cannot be read: {error}"));
}

fn check_root(
    request: &Request<'_>,
    ark: &Certificate<'_>,
    found: &mut Findings,
) -> Option<Product> {
    let print = digest(&SHA256, ark.der);
    let mut pinned = request.roots.amd.iter();
    let Some((product, _)) = pinned.find(|(_, pin)| print.as_ref() == pin) else {
        let text = format!("the root (SHA-256 {}) is none of AMD's", hex::encode(print));
        found.failed(Rule::PinnedRoot, text);
        return None;
    };
    found.passed(Rule::PinnedRoot, format!("the root is AMD's for {product}"));
    Some(*product)
}

/// Names tell what each certificate is for, so they are compared too: AMD gives the last ones no other mark.
fn check_signatures(
    certificates: &Certificates<'_>,
    product: Product,
    found: &mut Findings,
) -> Option<SigningKey> {
    let Certificates { vek, ask, ark } = certificates;
    let ask_name = ask.common_name().unwrap_or_default();
    let vek_name = vek.common_name().unwrap_or_default();
    let (kind, of) = match ask_name.strip_prefix("SEV-VLEK-") {
        Some(of) => (SigningKey::Vlek, of),
        None => (SigningKey::Vcek, ask_name.strip_prefix("SEV-").unwrap_or_default()),
    };
    let (key, between) = (name(kind), intermediate(kind));
    let mut fault = None;
    for (good, text) in [
        (ark.is_by(ark), "the ARK is not signed by itself".to_owned()),
        (ark.is_ca(), "the ARK may not sign certificates".to_owned()),
        (ask.is_by(ark), format!("the {between} is not signed by the ARK")),
        (ask.is_ca(), format!("the {between} may not sign certificates")),
        (vek.is_by(ask), format!("the {key} is not signed by the {between}")),
        (
            vek_name == format!("SEV-{key}"),
            format!("`{ask_name}` has signed a certificate for `{vek_name}`, wanted `SEV-{key}`"),
        ),
    ] {
        if !good {
            fault = Some(());
            found.failed(Rule::CertificateChain, text);
        }
    }
    if ark.common_name() != Some(format!("ARK-{product}")) || of != product.name() {
        fault = Some(());
        let text = format!("the root is AMD's for {product}, it has signed `{ask_name}`");
        found.failed(Rule::Product, text);
    }
    if fault.is_some() {
        return None;
    }
    found.passed(
        Rule::CertificateChain,
        format!("ARK → {between} → {key}: each has signed the next"),
    );
    Some(kind)
}

/// A list's dates, if it is one to rely on.
type Dates = (u64, u64);

fn check_list(
    request: &Request<'_>,
    list: Option<&[u8]>,
    certificates: &Certificates<'_>,
    kind: SigningKey,
    found: &mut Findings,
) -> Option<Dates> {
    let Certificates { ask, ark, .. } = certificates;
    let Some(list) = list else {
        let text = "there is no list of certificates that AMD has revoked";
        match request.policy() {
            None => found.open(Rule::RevocationList, text),
            Some(policy) if policy.snp.require_crl => found.failed(Rule::RevocationList, text),
            Some(_) => {
                found.warned(Rule::RevocationList, format!("{text}; the policy asks for none"));
            }
        }
        return None;
    };
    let list = match RevocationList::parse(list) {
        Ok(list) => list,
        Err(error) => {
            let text = format!("the revocation list cannot be read: {error}");
            found.failed(Rule::RevocationList, text);
            return None;
        }
    };
    if !list.is_by(ark) {
        found.failed(Rule::RevocationList, "the revocation list is not signed by the ARK");
        return None;
    }
    let (from, Some(until)) = list.validity() else {
        found.failed(Rule::RevocationList, "the revocation list does not say until when it counts");
        return None;
    };
    found.passed(Rule::RevocationList, "the revocation list is signed by the ARK");
    let between = intermediate(kind);
    for (certificate, name) in [(ask, between), (ark, "ARK")] {
        let serial = hex::encode(certificate.serial());
        let passed = format!("the {name} (serial {serial}) is not on the revocation list");
        let failed = format!("AMD has revoked the {name} (serial {serial})");
        found.check(Rule::NotRevoked, !list.revokes(certificate), passed, failed);
    }
    Some((from, until))
}

fn check_dates(
    now: u64,
    certificates: &Certificates<'_>,
    kind: SigningKey,
    list: Option<Dates>,
    found: &mut Findings,
) {
    let Certificates { vek, ask, ark } = certificates;
    let mut parts = vec![
        (name(kind), vek.validity()),
        (intermediate(kind), ask.validity()),
        ("ARK", ark.validity()),
    ];
    parts.extend(list.map(|dates| ("revocation list", dates)));
    let (mut early, mut late) = (false, false);
    let today = date(now);
    for (name, (from, until)) in parts {
        found.window(from, until);
        if now < from {
            early = true;
            let text = format!("the {name} counts from {} on, now it is {today}", date(from));
            found.failed(Rule::NotYetValid, text);
        }
        if now > until {
            late = true;
            let text = format!("the {name} counted until {}, now it is {today}", date(until));
            found.failed(Rule::NotExpired, text);
        }
    }
    if !early {
        found.passed(Rule::NotYetValid, format!("nothing is from the future on {today}"));
    }
    if !late {
        found.passed(Rule::NotExpired, format!("nothing has run out on {today}"));
    }
}

/// In ISO 8601; seconds since 1970 where no calendar reaches.
fn date(seconds: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map_or_else(|_| seconds.to_string(), |date| date.to_string())
}
