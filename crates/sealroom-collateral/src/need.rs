//! What a piece of evidence needs.

use crate::{
    Collateral, contents,
    pcs::QuoteCollateral,
    x509::{Ca, Cert, Crl, from_pem},
};
use sealroom_evidence::{
    dcap::{self, Quote, QuoteError},
    hcl,
    snp::{CertTable, Product, Report, ReportError, SigningKey, TableError, Tcb, Version},
    vtpm::{Bundle, BundleError},
};
use sealroom_protocol::{Base64, Evidence, EvidenceKind};
use std::fmt;

pub use sealroom_evidence::dcap::Tee;

/// What a piece of evidence needs to be judged; its `Display` says it in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Intel(Platform),
    Amd(Chip),
}

/// What Intel tells apart: everything else is the same for all platforms of this sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) tee: Tee,
    pub(crate) fmspc: [u8; 6],
    pub(crate) ca: Ca,
}

/// A chip of AMD with the versions of its firmware, or a cloud provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chip {
    /// What it can be; the report may not say.
    pub(crate) products: Vec<Product>,
    pub(crate) key: Key,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The chip's own. The certificate if it came along.
    Vcek { chip: Box<[u8; 64]>, reported: [u8; 8], known: Option<Vec<u8>> },
    /// A cloud provider's, which always comes along.
    Vlek(Vec<u8>),
}

/// Why evidence does not say what it needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NeedError {
    /// An Intel quote that can't be read.
    #[error("it is no quote")]
    Quote(#[from] QuoteError),
    /// An AMD report that can't be read.
    #[error("it is no attestation report")]
    Report(#[from] ReportError),
    /// A certificate table that can't be read.
    #[error("what came with it is no table of certificates")]
    Table(#[from] TableError),
    /// A quote whose certificates are elsewhere.
    #[error(
        "its certification data has type {0}, and only a chain of certificates (5) is read here"
    )]
    Certification(u16),
    /// A certificate that is none of Intel's for platforms.
    #[error("its first certificate is no PCK certificate")]
    Pck,
    /// A processor that nobody here knows.
    #[error("it is of a processor that is not known here: {0}")]
    Product(String),
    /// A report that hides its chip.
    #[error("its chip id is zero, so that nobody can be asked for its certificate")]
    NoChip,
    /// A report signed by a cloud provider's key.
    #[error("it is signed with a VLEK, and no certificate of that came with it")]
    NoVlek,
    /// A report that nothing has signed.
    #[error("it is not signed")]
    Unsigned,
    /// A bundle that can't be read.
    #[error("it is no bundle of a paravisor")]
    Bundle(#[from] BundleError),
    /// A paravisor's report that can't be read.
    #[error("its `hcl` is no report of a paravisor")]
    Hcl(#[from] hcl::FormatError),
    /// A bundle without what the kind of evidence has.
    #[error("its bundle has no `{0}`")]
    Part(&'static str),
}

impl Need {
    /// What `evidence` needs; `None` if nothing vouches for its kind.
    ///
    /// # Errors
    /// [`NeedError`] if it can't be read.
    pub fn of(evidence: &Evidence) -> Result<Option<Self>, NeedError> {
        let quote = &evidence.quote.0;
        Ok(Some(Self(match evidence.kind {
            EvidenceKind::Sgx | EvidenceKind::Tdx => Kind::Intel(platform(quote)?),
            EvidenceKind::Snp => Kind::Amd(chip(quote, &evidence.endorsements)?),
            EvidenceKind::AzureTdx => Kind::Intel(platform(&td_quote(quote)?)?),
            EvidenceKind::AzureSnp => {
                Kind::Amd(chip(&hardware_report(quote)?, &evidence.endorsements)?)
            }
            EvidenceKind::Tpm | EvidenceKind::Simulated => return Ok(None),
        })))
    }

    /// Whether it is AMD's hardware, and not Intel's.
    #[must_use]
    pub const fn is_amd(&self) -> bool {
        matches!(self.0, Kind::Amd(_))
    }

    /// Whether `collateral` is for this hardware, whatever its dates.
    #[must_use]
    pub fn is_met_by(&self, collateral: &Collateral) -> bool {
        let Some(Base64(first)) = collateral.endorsements.first() else { return false };
        match &self.0 {
            Kind::Intel(platform) => platform.is_met_by(first),
            Kind::Amd(Chip { key: Key::Vlek(leaf), .. }) => leaf == first,
            Kind::Amd(Chip { products, key: Key::Vcek { chip, reported, .. } }) => {
                Cert::parse(first).is_some_and(|cert| {
                    cert.is_of(chip, *reported)
                        && cert.product().is_some_and(|product| products.contains(&product))
                })
            }
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Intel(Platform { tee, fmspc, ca }) => {
                let fmspc = hex::encode_upper(fmspc);
                write!(f, "{}, FMSPC {fmspc}, PCK {} CA", tee.name(), ca.name())
            }
            Kind::Amd(Chip { products, key }) => {
                let names: Vec<_> = products.iter().map(|product| product.name()).collect();
                write!(f, "snp, {}, ", names.join(" or "))?;
                match key {
                    Key::Vlek(_) => f.write_str("VLEK"),
                    Key::Vcek { chip, reported, .. } => {
                        let chip = hex::encode(&chip[..8]);
                        write!(f, "chip {chip}…, TCB {}", hex::encode(reported))
                    }
                }
            }
        }
    }
}

impl Platform {
    fn is_met_by(&self, set: &[u8]) -> bool {
        let Ok(set) = serde_json::from_slice::<QuoteCollateral>(set) else { return false };
        let info = contents::Issued::read(&set.tcb_info);
        let same = info.is_some_and(|info| {
            info.id.eq_ignore_ascii_case(self.tee.name())
                && info.fmspc.is_some_and(|f| f.eq_ignore_ascii_case(&hex::encode(self.fmspc)))
        });
        let crl = hex::decode(&set.pck_crl).ok().and_then(|der| Crl::parse(&der));
        same && crl.is_some_and(|crl| Ca::of_issuer(&crl.issuer) == Some(self.ca))
    }
}

fn platform(quote: &[u8]) -> Result<Platform, NeedError> {
    let quote = Quote::parse(quote)?;
    if quote.auth.certification_type != dcap::PCK_CHAIN {
        return Err(NeedError::Certification(quote.auth.certification_type));
    }
    let pem = std::str::from_utf8(quote.auth.certification).map_err(|_| NeedError::Pck)?;
    let leaf = from_pem(pem).and_then(|chain| Cert::parse(chain.first()?));
    let (fmspc, ca) = leaf.and_then(|leaf| leaf.platform()).ok_or(NeedError::Pck)?;
    Ok(Platform { tee: quote.header.tee, fmspc, ca })
}

fn chip(report: &[u8], endorsements: &[Base64]) -> Result<Chip, NeedError> {
    let report = Report::parse(report)?;
    let leaf = leaf(endorsements, report.signing_key)?;
    let cert = leaf.as_deref().and_then(Cert::parse);
    let said = match (report.version, report.cpuid) {
        (Version::V2, _) | (_, None) => None,
        (_, Some([family, model, stepping])) => {
            let product = Product::of_cpuid(family, model);
            let shown = || format!("family {family}, model {model}, stepping {stepping}");
            Some(product.ok_or_else(|| NeedError::Product(shown()))?)
        }
    };
    // Turin never had version 2, whose reports do not say what they are of.
    let products = match said.or_else(|| cert.as_ref().and_then(Cert::product)) {
        Some(product) => vec![product],
        None => vec![Product::Milan, Product::Genoa],
    };
    let key = match report.signing_key {
        SigningKey::Vcek if report.chip_id == [0; 64] => return Err(NeedError::NoChip),
        SigningKey::Vcek => {
            // A host may hand out the one from before an update of the firmware.
            let fits = cert.is_some_and(|cert| cert.is_of(&report.chip_id, report.reported_tcb));
            let known = leaf.filter(|_| fits);
            Key::Vcek { chip: Box::new(report.chip_id), reported: report.reported_tcb, known }
        }
        SigningKey::Vlek => Key::Vlek(leaf.ok_or(NeedError::NoVlek)?),
        SigningKey::None => return Err(NeedError::Unsigned),
    };
    if products.iter().all(|product| Tcb::decode(report.reported_tcb, *product).is_none()) {
        return Err(NeedError::Product("its TCB version has bytes that no product has".to_owned()));
    }
    Ok(Chip { products, key })
}

/// The certificate of the key that has signed, as DER, from what came with the report.
fn leaf(endorsements: &[Base64], key: SigningKey) -> Result<Option<Vec<u8>>, NeedError> {
    const DER_SEQUENCE: u8 = 0x30;
    let Some(Base64(first)) = endorsements.first() else { return Ok(None) };
    if first.first() == Some(&DER_SEQUENCE) {
        return Ok(Some(first.clone()));
    }
    let table = match CertTable::parse(first) {
        Ok(table) => table,
        // The host's table is no help, and none is needed.
        Err(_) if key != SigningKey::Vlek => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = if key == SigningKey::Vlek { table.vlek } else { table.vcek };
    let der = found.map(|bytes| match std::str::from_utf8(bytes).ok().and_then(from_pem) {
        Some(mut pem) => pem.swap_remove(0),
        None => bytes.to_vec(),
    });
    Ok(der)
}

/// The quote of a trust domain under a paravisor.
fn td_quote(bundle: &[u8]) -> Result<Vec<u8>, NeedError> {
    Ok(Bundle::parse(bundle)?.td_quote.ok_or(NeedError::Part("td_quote"))?.0)
}

/// The report of AMD's hardware under a paravisor.
fn hardware_report(bundle: &[u8]) -> Result<Vec<u8>, NeedError> {
    let hcl = Bundle::parse(bundle)?.hcl.ok_or(NeedError::Part("hcl"))?;
    Ok(hcl::Report::parse(&hcl.0)?.hardware_report().to_vec())
}
