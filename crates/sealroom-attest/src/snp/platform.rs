//! What a report says of the machine: product, chip, firmware, configuration.

use super::{chain::Chain, show_tcb, signer};
use crate::{Request, Rule, judging::Findings};
use sealroom_evidence::snp::{Product, Report, SigningKey, Tcb};
use std::collections::BTreeSet;

pub(super) fn check_product(
    request: &Request<'_>,
    report: &Report,
    chain: &Chain,
    found: &mut Findings,
) {
    let product = chain.product;
    let mut fits = true;
    if chain.vek.product() != Some(product) {
        fits = false;
        let name = &chain.vek.product_name;
        let text = format!("AMD's {product} vouches for a key of `{name}`");
        found.failed(Rule::Product, text);
    }
    // Version 2 does not say what it is of; the chain does.
    if let Some([family, model, _]) = report.cpuid
        && Product::of_cpuid(family, model) != Some(product)
    {
        fits = false;
        let text = format!(
            "a processor of family {family:#x}, model {model:#x} reports, AMD's {product} vouches for it"
        );
        found.failed(Rule::Product, text);
    }
    if fits {
        found.passed(Rule::Product, format!("certificates and report are of {product}"));
    }
    match request.policy() {
        None => {
            let text = format!("whether {product} is accepted is not known here");
            found.open(Rule::ProductAccepted, text);
        }
        Some(policy) => {
            let passed = format!("the policy accepts {product}");
            let failed = format!("the policy does not accept {product}");
            let good = policy.snp.products.contains_key(&product);
            found.check(Rule::ProductAccepted, good, passed, failed);
        }
    }
}

pub(super) fn check_chip(
    request: &Request<'_>,
    report: &Report,
    chain: &Chain,
    found: &mut Findings,
) {
    let chip = hex::encode(report.chip_id);
    match chain.kind {
        SigningKey::Vlek => {
            // The key serves many chips, so the certificate must name a provider and no chip.
            let good = chain.vek.hwid.is_none();
            match &chain.vek.csp_id {
                Some(provider) if good => {
                    let text = format!("the key is that of `{provider}`, which names no chip");
                    found.passed(Rule::ChipId, text);
                }
                _ => {
                    let text = "the VLEK certificate names a chip, or no provider";
                    found.failed(Rule::ChipId, text);
                }
            }
        }
        SigningKey::Vcek | SigningKey::None => {
            let hwid = chain.vek.hwid.as_deref().unwrap_or_default();
            let passed = format!("certificate and report name the chip {chip}");
            let failed = format!(
                "the certificate is for the chip {}, the report is of {chip}",
                hex::encode(hwid)
            );
            let good = is_chip(&report.chip_id, hwid, chain.product);
            if found.check(Rule::ChipId, good, passed, failed) {
                found.platform(&chip);
            }
        }
    }
    let known = found.platforms.contains(&chip);
    let Some(policy) = request.policy() else {
        let text = "whether this platform is refused, or asked for, is not known here";
        return found.open(Rule::PlatformAllowed, text);
    };
    let platforms = &policy.platforms;
    let passed = "the policy does not refuse this platform";
    let failed = format!("the policy refuses the chip {chip}");
    found.check(Rule::PlatformDenied, !is_named(&platforms.deny, &chip), passed, failed);
    match &platforms.allow {
        None => found.passed(Rule::PlatformAllowed, "the policy has no list of platforms"),
        Some(allow) => {
            let passed = "the policy names this platform";
            let failed = if known {
                format!("the chip {chip} is not on the policy's list of platforms")
            } else {
                let signer = signer(chain.kind);
                format!(
                    "the policy has a list of platforms, the {signer} does not say which one it is"
                )
            };
            let good = known && is_named(allow, &chip);
            found.check(Rule::PlatformAllowed, good, passed, failed);
        }
    }
}

/// Whether a list has the chip. Turin's may be written with the 8 bytes that there are, as AMD's web addresses have them:
/// who means to refuse one is not to miss it for its zeros.
fn is_named(list: &BTreeSet<String>, chip: &str) -> bool {
    list.iter().any(|one| format!("{one:0<width$}", width = chip.len()) == chip)
}

/// Turin's certificates have the 8 bytes that there are, its reports have zeros behind them.
fn is_chip(chip_id: &[u8; 64], hwid: &[u8], product: Product) -> bool {
    let length = match product {
        Product::Turin => 8,
        Product::Milan | Product::Genoa => 64,
    };
    let (id, rest) = chip_id.split_at(length);
    // Zeros are what a host shows that hides its chip.
    id == hwid && rest.iter().all(|&byte| byte == 0) && id.iter().any(|&byte| byte != 0)
}

pub(super) fn check_tcb(
    request: &Request<'_>,
    report: &Report,
    chain: &Chain,
    found: &mut Findings,
) {
    let all = [
        ("current_tcb", report.current_tcb),
        ("reported_tcb", report.reported_tcb),
        ("committed_tcb", report.committed_tcb),
        ("launch_tcb", report.launch_tcb),
    ];
    let decoded = all.map(|(name, raw)| (name, raw, Tcb::decode(raw, chain.product)));
    for (name, raw, tcb) in decoded {
        match tcb {
            Some(tcb) => show_tcb(name, tcb, found),
            None => {
                let raw = hex::encode(raw);
                let text = format!("reserved bytes of {name} are not zero: {raw}");
                found.failed(Rule::EvidenceFormat, text);
            }
        }
    }
    let [(.., Some(current)), (.., Some(reported)), (.., Some(committed)), (.., Some(launch))] =
        decoded
    else {
        return;
    };
    let certified = chain.vek.tcb;
    let passed = format!("the certificate is for the firmware that reports ({reported})");
    let failed = format!("the certificate is for {certified}; {reported} reports");
    found.check(Rule::CertifiedTcb, certified == reported, passed, failed);
    // A host may report less than it has, never more (56860, SNP_CONFIG and SNP_COMMIT).
    let mut fits = true;
    for (name, tcb) in [("committed", committed), ("reported", reported)] {
        if !current.at_least(tcb) {
            fits = false;
            let text = format!("{tcb} is {name}, but only {current} runs");
            found.failed(Rule::CommittedTcb, text);
        }
    }
    if fits {
        let text =
            format!("the firmware that runs ({current}) is not older than what is committed");
        found.passed(Rule::CommittedTcb, text);
    }
    let Some(policy) = request.policy() else {
        let text = format!("whether this firmware is new enough is not known here: {committed}");
        return found.open(Rule::MinimumTcb, text);
    };
    // A product that the policy does not accept has no minimum; that it is not accepted was told.
    let Some(&least) = policy.snp.products.get(&chain.product) else { return };
    let mut fits = true;
    for (name, tcb) in
        [("current", current), ("reported", reported), ("committed", committed), ("launch", launch)]
    {
        if !tcb.at_least(least) {
            fits = false;
            let text = format!("the {name} firmware is {tcb}, the policy asks for {least}");
            found.failed(Rule::MinimumTcb, text);
        }
    }
    if fits {
        found.passed(Rule::MinimumTcb, format!("every firmware is at least {least}"));
    }
}

pub(super) fn check_configuration(request: &Request<'_>, report: &Report, found: &mut Findings) {
    let info = report.platform_info;
    let all = [
        ("hyper-threading (SMT)", info.smt()),
        ("encryption of all memory (TSME)", info.tsme()),
        ("error correction (ECC)", info.ecc()),
        ("hiding of the power draw (RAPL_DIS)", info.rapl_disabled()),
        ("ciphertext hiding", info.ciphertext_hiding()),
        ("the check for aliased memory", info.alias_check_complete()),
    ];
    let on: Vec<_> = all.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let on = if on.is_empty() { "nothing".to_owned() } else { on.join(", ") };
    let Some(policy) = request.policy() else {
        let text = format!("whether this configuration is accepted is not known here; on: {on}");
        return found.open(Rule::PlatformConfiguration, text);
    };
    let policy = &policy.snp;
    let mut fits = true;
    for (wanted, text) in [
        (info.smt() && !policy.allow_smt, "hyper-threading (SMT) is on"),
        (!info.tsme() && policy.require_tsme, "encryption of all memory (TSME) is off"),
        (!info.ecc() && policy.require_ecc, "error correction (ECC) is off"),
        (
            !info.rapl_disabled() && policy.require_rapl_disabled,
            "the power draw can be read (RAPL_DIS is off)",
        ),
        (!info.ciphertext_hiding() && policy.require_ciphertext_hiding, "ciphertext hiding is off"),
        (
            !info.alias_check_complete() && policy.require_alias_check,
            "aliased memory was not looked for at boot (ALIAS_CHECK_COMPLETE is off)",
        ),
    ] {
        if wanted {
            fits = false;
            found.failed(Rule::PlatformConfiguration, text);
        }
    }
    if fits {
        let text = format!("the platform is set up as the policy asks; on: {on}");
        found.passed(Rule::PlatformConfiguration, text);
    }
}
