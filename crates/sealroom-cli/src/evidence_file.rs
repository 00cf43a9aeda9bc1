//! Evidence as it lies around: in folders, raw, in base64, in JSON.

use crate::error::CliError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sealroom_attest::{Check, Rule, event_log};
use sealroom_evidence::{
    dcap, hcl, snp, tpm,
    vtpm::{Bundle, Pcrs},
};
use sealroom_protocol::{Base64, Evidence, EvidenceKind, api::Identity};
use serde_json::{Map, Value};
use std::{fs::File, io::Read as _, path::Path};

/// The largest file that is read as evidence: everything that it consists of is far smaller.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// Evidence with all that lies beside it.
pub(crate) struct Case {
    /// The evidence, with what vouches for it.
    pub(crate) evidence: Evidence,
    /// A host's table of certificates, where there are certificates too.
    pub(crate) table: Option<Base64>,
    /// The log of what a trust domain has loaded.
    pub(crate) event_log: Option<Vec<u8>>,
    /// What contradicts itself among the files.
    pub(crate) contradictions: Vec<Check>,
}

/// What a file turned out to be.
pub(crate) struct Found {
    /// In words.
    pub(crate) what: String,
    /// As evidence; `None` for a part of some that says nothing alone.
    pub(crate) evidence: Option<Evidence>,
    /// What it says, as far as a verifier would not tell it anyway.
    pub(crate) fields: Map<String, Value>,
}

/// Reads a file, `-` for standard input, of so many bytes at most.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, CliError> {
    let failed = |error| CliError::io(path, &error);
    let mut bytes = Vec::new();
    let mut from: Box<dyn std::io::Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(File::open(path).map_err(failed)?),
    };
    from.by_ref().take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > most {
        let text =
            format!("`{}` has more than the {most} bytes that are read of it", path.display());
        return Err(CliError::new(text, "nothing of this sort is that large: it is another file"));
    }
    Ok(bytes)
}

/// The evidence in a folder or file.
pub(crate) fn case(path: &Path) -> Result<Case, CliError> {
    if !path.is_dir() {
        let found = sniff(&read(path, MAX_BYTES)?)?;
        let evidence = found.evidence.ok_or_else(|| {
            let text = format!("`{}` is {}: a part of evidence", path.display(), found.what);
            CliError::new(text, "give the folder with all parts of it")
        })?;
        let (table, event_log, contradictions) = (None, None, vec![]);
        return Ok(Case { evidence, table, event_log, contradictions });
    }
    // What is too large is cut where it is still too large: that is the verifier's to refuse, by name.
    let file = |name: &str| -> Result<Option<Base64>, CliError> {
        let path = path.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let opened = File::open(&path).map(|file| file.take(MAX_BYTES as u64));
        let read = opened.and_then(|mut file| file.read_to_end(&mut bytes));
        read.map(|_| Some(Base64(bytes))).map_err(|error| CliError::io(&path, &error))
    };
    let (quote, report, hcl) = (file("quote.bin")?, file("report.bin")?, file("hcl_report.bin")?);
    let collateral = file("collateral.json")?;
    let certificates: Vec<Base64> = ["vek.der", "ask.der", "ark.der"]
        .into_iter()
        .filter_map(|name| file(name).transpose())
        .collect::<Result<_, _>>()?;
    let mut table = file("auxblob.bin")?;
    let amd = match certificates.is_empty() {
        true => table.take().into_iter().collect(),
        false => certificates,
    };
    let crl = file("crl.der")?;
    let endorsements: Vec<Base64> = match quote {
        Some(_) => collateral.into_iter().collect(),
        None => amd.into_iter().chain(crl).collect(),
    };
    let mut contradictions = vec![];
    let (kind, quote) = match (hcl, quote, report) {
        (Some(hcl), td_quote, report) => {
            if let Some(report) = &report {
                contradictions.extend(same_report(&hcl.0, &report.0));
            }
            let kind =
                if td_quote.is_some() { EvidenceKind::AzureTdx } else { EvidenceKind::AzureSnp };
            (kind, Base64(bundle(path, Some(hcl), td_quote)?.to_bytes()))
        }
        (None, Some(quote), _) => (dcap_kind(&quote.0), quote),
        (None, None, Some(report)) => (EvidenceKind::Snp, report),
        (None, None, None) if path.join("tpm_quote.msg").exists() => {
            (EvidenceKind::Tpm, Base64(bundle(path, None, None)?.to_bytes()))
        }
        (None, None, None) => {
            let text = format!("there is no evidence in `{}`", path.display());
            let hint = "it has to have `quote.bin`, `report.bin` or `hcl_report.bin`";
            return Err(CliError::new(text, hint));
        }
    };
    let evidence = Evidence { kind, quote, endorsements };
    let event_log = file("ccel.bin")?.map(|log| log.0);
    Ok(Case { evidence, table, event_log, contradictions })
}

/// The paravisor keeps the report that lies beside it, or they are not of one machine.
fn same_report(hcl: &[u8], report: &[u8]) -> Option<Check> {
    let kept = hcl::Report::parse(hcl).ok()?.hardware_report() == report;
    let (rule, text) = (Rule::Composition, "`report.bin` is not the report in `hcl_report.bin`");
    (!kept).then(|| Check::failed(rule.group(), rule.code(), text, rule.hint()))
}

/// What a TPM has signed, from its parts.
fn bundle(
    folder: &Path,
    hcl: Option<Base64>,
    td_quote: Option<Base64>,
) -> Result<Bundle, CliError> {
    let need = |name: &str| read(&folder.join(name), MAX_BYTES).map(Base64);
    let path = folder.join("tpm_pcrs.json");
    let wrong = |why: String| {
        let text = format!("`{}` cannot be read: {why}", path.display());
        CliError::new(text, "it has to be {\"sha256\": {\"0\": 64 hexadecimal digits, …}}")
    };
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Banks {
        sha256: Pcrs,
    }
    let banks: Banks = serde_json::from_slice(&read(&path, MAX_BYTES)?)
        .map_err(|error| wrong(error.to_string()))?;
    let key = match hcl {
        Some(_) => None,
        None => Some(need("ak.der")?),
    };
    let (message, signature) = (need("tpm_quote.msg")?, need("tpm_quote.sig")?);
    Ok(Bundle { hcl, key, message, signature, pcrs: banks.sha256, td_quote })
}

/// SGX or TDX, by the quote's own word; the verifier will see whether it is one.
fn dcap_kind(quote: &[u8]) -> EvidenceKind {
    match quote.get(4..8) {
        Some([0x81, 0, 0, 0]) => EvidenceKind::Tdx,
        _ => EvidenceKind::Sgx,
    }
}

/// Holds an event log against the registers of a judged trust domain.
pub(crate) fn event_log(log: &[u8], fields: &Map<String, Value>) -> Check {
    let rule = Rule::EventLog;
    let failed = |text: String| Check::failed(rule.group(), rule.code(), text, rule.hint());
    let mut registers = [[0; 48]; 4];
    for (index, register) in registers.iter_mut().enumerate() {
        let value = fields.get(&format!("rtmr{index}")).and_then(Value::as_str);
        if value.is_none_or(|value| hex::decode_to_slice(value, register).is_err()) {
            return failed("there is an event log, and no registers to hold it against".to_owned());
        }
    }
    match event_log::check(log, &registers) {
        Ok(events) => {
            let text = format!("the event log gives the registers: {} events", events.len());
            Check::passed(rule.group(), rule.code(), text)
        }
        Err(error) => failed(error.to_string()),
    }
}

/// Finds out what bytes are.
pub(crate) fn sniff(bytes: &[u8]) -> Result<Found, CliError> {
    let found = raw(bytes).or_else(|| {
        let text: String = std::str::from_utf8(bytes).ok()?.split_whitespace().collect();
        raw(&hex::decode(&text).ok().or_else(|| STANDARD.decode(&text).ok())?)
    });
    found.ok_or_else(|| {
        let text = "this is no evidence that is known here".to_owned();
        let hint = "known are DCAP quotes, SEV-SNP reports, Azure's paravisor reports, TPM quotes and Sealroom's own";
        CliError::new(text, hint)
    })
}

fn raw(bytes: &[u8]) -> Option<Found> {
    let whole = |what: &str, kind| {
        let evidence = Evidence { kind, quote: Base64(bytes.to_vec()), endorsements: vec![] };
        Some(Found { what: what.to_owned(), evidence: Some(evidence), fields: Map::new() })
    };
    let part = |what: &str, fields: Map<String, Value>| {
        Some(Found { what: what.to_owned(), evidence: None, fields })
    };
    match bytes {
        [b'{', ..] => json(bytes),
        [b'H', b'C', b'L', b'A', ..] => {
            let report = hcl::Report::parse(bytes).ok()?;
            let text = String::from_utf8_lossy(report.runtime_json()).into_owned();
            let mut fields: Map<String, Value> =
                [("runtime_data".to_owned(), text.into())].into_iter().collect();
            if let Ok(report) = snp::Report::parse(report.hardware_report()) {
                fields.insert("measurement".to_owned(), hex::encode(report.measurement).into());
                fields.insert("report_data".to_owned(), hex::encode(report.report_data).into());
            }
            part("a report of Azure's paravisor, without the TPM's statement", fields)
        }
        [0xff, b'T', b'C', b'G', ..] => {
            let quote = tpm::Quote::parse(bytes).ok()?;
            let fields = [("tpm_nonce".to_owned(), hex::encode(quote.extra_data).into())];
            part(
                "a TPM's statement, without the registers and the key",
                fields.into_iter().collect(),
            )
        }
        _ if bytes.starts_with(b"sealroom simulated quote") => {
            whole("a simulated quote: no hardware", EvidenceKind::Simulated)
        }
        [2 | 3 | 5, 0, 0, 0, ..] if bytes.len() == snp::Report::LEN => {
            whole("an SEV-SNP attestation report", EvidenceKind::Snp)
        }
        [3..=5, 0, 2 | 3, 0, ..] => {
            let what = match dcap::Quote::parse(bytes) {
                Ok(_) => "a DCAP quote".to_owned(),
                Err(error) => format!("a DCAP quote that is not whole: {error}"),
            };
            whole(&what, dcap_kind(bytes))
        }
        _ if bytes.len() == 1024 && bytes.starts_with(&[0x81]) => part(
            "a TDREPORT: it can be checked on its own machine alone, and is no evidence elsewhere",
            Map::new(),
        ),
        _ if bytes.len() == 432 => part(
            "an SGX report: it can be checked on its own machine alone, and is no evidence elsewhere",
            Map::new(),
        ),
        _ => None,
    }
}

fn json(bytes: &[u8]) -> Option<Found> {
    let found = |what: &str, evidence: Evidence| {
        let what = format!("{what}, evidence of kind `{}`", evidence.kind);
        Some(Found { what, evidence: Some(evidence), fields: Map::new() })
    };
    if let Ok(evidence) = serde_json::from_slice::<Evidence>(bytes) {
        return found("Sealroom's evidence", evidence);
    }
    if let Ok(identity) = serde_json::from_slice::<Identity>(bytes) {
        return found("an enclave's identity", identity.evidence);
    }
    let bundle = Bundle::parse(bytes).ok()?;
    let kind = match (&bundle.hcl, &bundle.td_quote) {
        (None, _) => EvidenceKind::Tpm,
        (Some(_), None) => EvidenceKind::AzureSnp,
        (Some(_), Some(_)) => EvidenceKind::AzureTdx,
    };
    let quote = Base64(bytes.to_vec());
    found("a TPM's statement", Evidence { kind, quote, endorsements: vec![] })
}
