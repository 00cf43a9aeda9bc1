//! A policy in words: what it accepts, what it refuses, why, and what is missing before it accepts anything.

use super::{
    AzurePolicy, DcapPolicy, PcrReference, Platforms, Policy, SgxPolicy, SgxReference, SnpPolicy,
    TcbStatus, TdxPolicy, TpmPolicy,
};
use sealroom_evidence::snp::{Product, Tcb};
use sealroom_protocol::EvidenceKind;
use serde::Serialize;
use std::fmt::Display;

/// What a policy comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The policy's name.
    pub name: String,
    /// Whether nothing is [`Effect::Missing`]: evidence of every kind that it accepts can pass.
    pub complete: bool,
    /// What it says, by what it is about.
    pub sections: Vec<Section>,
}

/// What a policy says about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What it is about.
    pub title: String,
    /// What it says.
    pub statements: Vec<Statement>,
}

/// One thing that a policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// How it comes out.
    pub effect: Effect,
    /// What it is about, in words.
    pub text: String,
    /// Why one would want it so, or what it risks.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub why: &'static str,
}

/// How something comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Evidence that is so is accepted.
    Accepts,
    /// Evidence is accepted whether or not it is so.
    Ignores,
    /// Evidence that is not so is refused.
    Requires,
    /// Evidence that is so is refused.
    Refuses,
    /// No evidence of its kind is accepted until the policy says it.
    Missing,
}

use Effect::{Accepts, Ignores, Missing, Refuses, Requires};

impl Policy {
    /// Says in words what the policy comes to.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        use EvidenceKind::{AzureSnp, AzureTdx, Sgx, Snp, Tdx, Tpm};
        let accepts = |kinds: &[EvidenceKind]| kinds.iter().any(|kind| self.accept.contains(kind));
        let mut sections = vec![kinds(self)];
        if accepts(&[Sgx]) {
            sections.push(sgx(&self.sgx));
        }
        if accepts(&[Tdx, AzureTdx]) {
            sections.push(tdx(&self.tdx));
        }
        if accepts(&[Snp, AzureSnp]) {
            sections.push(snp(&self.snp));
        }
        if accepts(&[AzureTdx, AzureSnp]) {
            sections.push(azure(&self.azure));
        }
        if accepts(&[Tpm]) {
            sections.push(tpm(&self.tpm));
        }
        sections.push(platforms(&self.platforms));
        sections.push(always());
        let statements = || sections.iter().flat_map(|section| &section.statements);
        let complete = statements().all(|statement| statement.effect != Missing);
        Explanation { name: self.name.clone(), complete, sections }
    }
}

/// Collects statements.
struct Writer(Section);

impl Writer {
    fn new(title: &str) -> Self {
        Self(Section { title: title.to_owned(), statements: vec![] })
    }

    fn say(&mut self, effect: Effect, text: impl Into<String>, why: &'static str) {
        self.0.statements.push(Statement { effect, text: text.into(), why });
    }

    /// What may be, or may not.
    fn allow(&mut self, allowed: bool, text: &str, why: &'static str) {
        self.say(if allowed { Accepts } else { Refuses }, text, why);
    }

    /// What has to be, or need not.
    fn require(&mut self, required: bool, text: &str, why: &'static str) {
        self.say(if required { Requires } else { Ignores }, text, why);
    }

    /// What may run.
    fn references<T>(&mut self, key: &str, references: &[T], text: impl Fn(&T) -> String) {
        if references.is_empty() {
            let text = format!("nothing says what may run: add `[[{key}.reference]]`");
            self.say(Missing, text, "an empty list accepts nothing, never everything");
        }
        for reference in references {
            self.say(Accepts, text(reference), "");
        }
    }
}

fn kinds(policy: &Policy) -> Section {
    use EvidenceKind::{AzureSnp, AzureTdx, Sgx, Simulated, Snp, Tdx, Tpm};
    let mut out = Writer::new("Kinds of evidence");
    let all = [
        (Sgx, "Intel SGX", ""),
        (Tdx, "Intel TDX", ""),
        (Snp, "AMD SEV-SNP", ""),
        (
            AzureTdx,
            "Intel TDX under Azure's paravisor",
            "Microsoft's paravisor is trusted beside the hardware",
        ),
        (
            AzureSnp,
            "AMD SEV-SNP under Azure's paravisor",
            "Microsoft's paravisor is trusted beside the hardware",
        ),
        (Tpm, "a TPM", "it proves nothing about hardware: the host can read everything"),
        (Simulated, "simulated evidence", "anyone can make it: the host can read everything"),
    ];
    for (kind, name, why) in all {
        out.allow(policy.accept.contains(&kind), &format!("`{kind}`: {name}"), why);
    }
    out.say(Refuses, "evidence of GPUs", "this version does not verify it");
    out.0
}

fn tcb(out: &mut Writer, tcb: &DcapPolicy) {
    for status in TcbStatus::ACCEPTABLE {
        out.allow(
            tcb.statuses.contains(&status),
            &format!("platforms in state `{status}`"),
            state(status),
        );
    }
    if tcb.grace_days > 0 {
        let text = format!("platforms that are out of date for {} days at most", tcb.grace_days);
        out.say(Accepts, text, "their holes are published");
    }
    let text =
        format!("Intel's view of the world has number {} at least", tcb.min_evaluation_data_number);
    out.say(Requires, text, "an older view calls platforms up to date that are not");
    for advisory in &tcb.deny_advisories {
        out.say(
            Refuses,
            format!("platforms on which {advisory} is open, whatever their state"),
            "",
        );
    }
    out.allow(tcb.allow_smt, "hyper-threading", "threads of one core see traces of each other");
    let why = "packages can be added later; true of all servers that we have seen";
    out.allow(tcb.allow_dynamic_platform, "dynamic platforms", why);
    let why = "Intel's registration service keeps the keys of such platforms";
    out.allow(tcb.allow_cached_keys, "platforms with cached keys", why);
}

const fn state(status: TcbStatus) -> &'static str {
    match status {
        TcbStatus::UpToDate => "all is as new as it should be",
        TcbStatus::SwHardeningNeeded => {
            "what runs has to help against something; its release has, or has not"
        }
        TcbStatus::ConfigurationNeeded => {
            "the operator has to help, and nobody can check that it did"
        }
        TcbStatus::ConfigurationAndSwHardeningNeeded => "both",
        TcbStatus::OutOfDate | TcbStatus::OutOfDateConfigurationNeeded => "its holes are published",
        TcbStatus::Revoked => "nothing that it says counts",
    }
}

fn sgx(policy: &SgxPolicy) -> Section {
    let mut out = Writer::new("Intel SGX");
    tcb(&mut out, &policy.tcb);
    out.references("sgx", &policy.references, |reference| match reference {
        SgxReference::Enclave { mrenclave } => format!("the enclave {}", hex::encode(mrenclave)),
        SgxReference::Signer { mrsigner, isv_prod_id, min_isv_svn } => format!(
            "every enclave that {} has signed as product {isv_prod_id}, from version {min_isv_svn} on",
            hex::encode(mrsigner)
        ),
    });
    out.0
}

fn tdx(policy: &TdxPolicy) -> Section {
    let mut out = Writer::new("Intel TDX");
    tcb(&mut out, &policy.tcb);
    let why = "the guest goes on with the faults of the older module";
    out.allow(policy.allow_relaunch_advised, "guests that were started under an older module", why);
    let why = "it can read the guest, or carry it away";
    if policy.service_tds.is_empty() {
        out.say(Refuses, "guests with a service domain", why);
    }
    for td in &policy.service_tds {
        out.say(Accepts, format!("guests with the service domain {}", hex::encode(td)), why);
    }
    let text = format!("guests with extended features (XFAM) of {:#x} alone", policy.xfam_allowed);
    out.say(Accepts, text, "");
    out.references("tdx", &policy.references, |reference| {
        let mut parts = vec![];
        let mut part = |name: &str, value: &Option<[u8; 48]>| {
            parts.extend(value.map(|value| format!("{name} {}", hex::encode(value))));
        };
        part("MRTD", &reference.mrtd);
        for (name, value) in ["RTMR0", "RTMR1", "RTMR2", "RTMR3"].into_iter().zip(&reference.rtmr) {
            part(name, value);
        }
        part("MRCONFIGID", &reference.mr_config_id);
        part("MROWNER", &reference.mr_owner);
        part("MROWNERCONFIG", &reference.mr_owner_config);
        part("MRSEAM", &reference.mr_seam);
        format!("the guest with {}", parts.join(", "))
    });
    out.0
}

fn snp(policy: &SnpPolicy) -> Section {
    let mut out = Writer::new("AMD SEV-SNP");
    for product in Product::ALL {
        let why = if product == Product::Milan {
            "software alone can read the seed of its keys (arXiv 2605.12990), so reports of any firmware can be forged"
        } else {
            ""
        };
        match policy.products.get(&product) {
            Some(least) => {
                let text = format!("{product} with {} at least", firmware(product, least));
                out.say(Accepts, text, why);
            }
            None => out.say(Refuses, product.name(), why),
        }
    }
    let text = format!(
        "reports that were asked for at a privilege level (VMPL) of {} at most",
        policy.max_vmpl
    );
    out.say(
        Accepts,
        text,
        "0 is the most privileged; who sits below can speak in the guest's name",
    );
    if policy.min_guest_svn > 0 {
        out.say(
            Requires,
            format!("the guest has version (GUEST_SVN) {} at least", policy.min_guest_svn),
            "",
        );
    }
    let why = "they do not name the chip, so that a leaked one can't be denied";
    out.allow(policy.allow_vlek, "reports that a cloud's own key (VLEK) has signed", why);
    out.allow(policy.allow_smt, "hyper-threading", "threads of one core see traces of each other");
    let why = "memory that lies about its size gives the host a second way in (BadRAM)";
    out.require(policy.require_alias_check, "memory was checked for aliases", why);
    out.require(
        policy.require_ecc,
        "memory corrects errors (ECC)",
        "against bits that are flipped on purpose",
    );
    let why = "against whoever reads the memory of the host itself";
    out.require(policy.require_tsme, "all memory is encrypted, the host's too (TSME)", why);
    let why = "a second processor's bus is one more place to listen";
    out.require(policy.require_single_socket, "the guest stays on one socket", why);
    out.allow(policy.allow_cxl, "CXL memory", "it is outside of the processor");
    let why = "else the host sees when it changes; Turin alone can";
    out.require(policy.require_ciphertext_hiding, "ciphertext is hidden from the host", why);
    let why = "it tells something of what is computed";
    out.require(policy.require_rapl_disabled, "the power draw can't be read", why);
    let why = "without it nobody knows of a certificate that AMD has taken back";
    out.require(policy.require_crl, "AMD's list of revoked certificates is there", why);
    out.references("snp", &policy.references, |reference| {
        let mut text =
            format!("the guest with launch digest {}", hex::encode(reference.measurement));
        let mut part = |name: &str, value: Option<&[u8]>| {
            if let Some(value) = value {
                text += &format!(", {name} {}", hex::encode(value));
            }
        };
        part("HOST_DATA", reference.host_data.as_ref().map(<[u8; 32]>::as_slice));
        part("ID_KEY_DIGEST", reference.id_key_digest.as_ref().map(<[u8; 48]>::as_slice));
        part("AUTHOR_KEY_DIGEST", reference.author_key_digest.as_ref().map(<[u8; 48]>::as_slice));
        text
    });
    out.0
}

fn firmware(product: Product, least: &Tcb) -> String {
    let Tcb { fmc, bootloader, tee, snp, microcode } = least;
    let common = format!("boot loader {bootloader}, TEE {tee}, SNP {snp}, microcode {microcode}");
    if product == Product::Turin { format!("FMC {fmc}, {common}") } else { common }
}

fn azure(policy: &AzurePolicy) -> Section {
    let mut out = Writer::new("Azure's paravisor");
    out.require(
        policy.require_secure_boot,
        "secure boot is on",
        "else the boot loader can be exchanged",
    );
    let why = "who has it may be root in the guest";
    out.allow(policy.allow_console, "guests with a serial console", why);
    let why = "a device reads what the guest shares with it, and the host chooses which";
    out.allow(policy.allow_vpci_devices, "guests with devices of the host's", why);
    out.references("azure", &policy.references, registers);
    out.0
}

fn tpm(policy: &TpmPolicy) -> Section {
    let mut out = Writer::new("TPM");
    if policy.attestation_keys.is_empty() {
        let text = "nothing says whose word counts: add `attestation_keys` to `[tpm]`";
        out.say(Missing, text, "no manufacturer vouches for them here");
    }
    for key in &policy.attestation_keys {
        out.say(Accepts, format!("what is signed by the key {}", hex::encode(key)), "");
    }
    out.references("tpm", &policy.references, registers);
    out.0
}

fn registers(reference: &PcrReference) -> String {
    let one = |(number, value): (&u8, &[u8; 32])| format!("PCR{number} {}", hex::encode(value));
    format!("what was booted with {}", joined(reference.0.iter().map(one)))
}

fn joined<T: Display>(parts: impl Iterator<Item = T>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
}

fn platforms(policy: &Platforms) -> Section {
    let mut out = Writer::new("Single platforms");
    match &policy.allow {
        Some(allow) => {
            for id in allow {
                out.say(Accepts, format!("platform {id}"), "");
            }
            let why = "who can touch a machine can take its keys, and nothing shows it (WireTap, TEE.fail)";
            out.say(Refuses, "every other platform", why);
        }
        None if policy.require_allow => {
            let why = "who can touch a machine can take its keys, and nothing shows it (WireTap, TEE.fail)";
            out.say(Missing, "nothing says which platforms: add `allow` to `[platforms]`", why);
        }
        None => {
            let why = "also of those who can touch the machine, and take its keys (WireTap, TEE.fail): name platforms \
                       that you know in `[platforms] allow` where that matters";
            out.say(Accepts, "every genuine platform, whoever holds it", why);
        }
    }
    for id in &policy.deny {
        out.say(Refuses, format!("platform {id}"), "");
    }
    out.0
}

/// What stands in no policy, because nobody should be able to change it.
fn always() -> Section {
    let mut out = Writer::new("Always, whatever a policy says");
    out.say(Refuses, "guests and enclaves that can be debugged", "their host reads everything");
    out.say(
        Refuses,
        "guests that can be moved to another machine",
        "who moves them holds their keys",
    );
    let why = "the manufacturer has taken its word back";
    out.say(Refuses, "revoked platforms and certificates", why);
    let why = "roots are fixed in the program, no file and no option changes them";
    out.say(Refuses, "roots other than the manufacturers'", why);
    let why = "it can't be known what has changed since, or whether the clock is right";
    out.say(Refuses, "what has run out, or is from the future", why);
    let why = "it was made for another manifest, other keys or another challenge";
    out.say(Refuses, "evidence that carries anything but what was asked for", why);
    out.0
}
