//! Intel: the Provisioning Certification Service, version 4, or a PCCS that hands on what it says (Intel SGX and Intel
//! TDX Provisioning Certification Service API; PCCS API, version 4).

use crate::{
    FetchError, INTEL, Update,
    contents::Issued,
    get::{Answer, Getter},
    need::Platform,
    x509::{Ca, Cert, Crl, from_pem},
};
use sealroom_evidence::dcap::Tee;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The set in the layout of dcap-qvl's `QuoteCollateralV3`. What is signed as text is kept byte for byte.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteCollateral {
    pub(crate) pck_crl_issuer_chain: String,
    /// DER, hexadecimal.
    pub(crate) root_ca_crl: String,
    /// DER, hexadecimal.
    pub(crate) pck_crl: String,
    pub(crate) tcb_info_issuer_chain: String,
    pub(crate) tcb_info: String,
    /// 64 bytes, hexadecimal.
    pub(crate) tcb_info_signature: String,
    pub(crate) qe_identity_issuer_chain: String,
    pub(crate) qe_identity: String,
    /// 64 bytes, hexadecimal.
    pub(crate) qe_identity_signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pck_certificate_chain: Option<String>,
}

/// A text and the signature over it, as the service answers with them.
struct Signed {
    text: String,
    signature: String,
    chain: String,
    issued: Issued,
}

/// Asks for everything that a quote of `platform` needs.
pub(crate) fn fetch(
    getter: &Getter,
    base: &str,
    update: Update,
    platform: &Platform,
    now: u64,
) -> Result<QuoteCollateral, FetchError> {
    let Platform { tee, fmspc, ca } = platform;
    let fmspc = hex::encode_upper(fmspc);
    let update = update.name();
    let tee_name = tee.name();
    let url = format!("{base}/{tee_name}/certification/v4/tcb?fmspc={fmspc}&update={update}");
    let tcb = getter.get(url, now, |answer| {
        let headers = ["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"];
        let found = tcb_info(answer, chain(answer, headers)?)?;
        let id = tee_name.to_uppercase();
        if found.issued.id != id || !found.issued.is_for(&fmspc) {
            return Err(answer.other(format!("it is not the TCB info of {id} {fmspc}")));
        }
        Ok(until(found))
    })?;
    let url = format!("{base}/{tee_name}/certification/v4/qe/identity?update={update}");
    let qe = getter.get(url, now, |answer| {
        let headers = ["SGX-Enclave-Identity-Issuer-Chain", "Enclave-Identity-Issuer-Chain"];
        let found = qe_identity(answer, chain(answer, headers)?)?;
        let id = if *tee == Tee::Sgx { "QE" } else { "TD_QE" };
        if found.issued.id != id {
            return Err(answer.other(format!("it is not the identity of {id}")));
        }
        Ok(until(found))
    })?;
    let ca_name = ca.name();
    let url = format!("{base}/sgx/certification/v4/pckcrl?ca={ca_name}&encoding=der");
    let (pck_crl, pck_crl_issuer_chain) = getter.get(url, now, |answer| {
        let headers = ["SGX-PCK-CRL-Issuer-Chain", "PCK-CRL-Issuer-Chain"];
        let (der, crl) = revocations(answer)?;
        if Ca::of_issuer(&crl.issuer) != Some(*ca) {
            return Err(answer.other(format!("it is a list of `{}`", crl.issuer)));
        }
        Ok(((hex::encode(der), chain(answer, headers)?), crl.next))
    })?;
    let root_ca_crl = getter.get(root_crl(base), now, |answer| {
        let (der, crl) = revocations(answer)?;
        Ok((hex::encode(der), crl.next))
    })?;
    Ok(QuoteCollateral {
        pck_crl_issuer_chain,
        root_ca_crl,
        pck_crl,
        tcb_info_issuer_chain: tcb.chain,
        tcb_info: tcb.text,
        tcb_info_signature: tcb.signature,
        qe_identity_issuer_chain: qe.chain,
        qe_identity: qe.text,
        qe_identity_signature: qe.signature,
        pck_certificate_chain: None,
    })
}

/// Where Intel's root revokes. Intel keeps the list at an address of its own, a PCCS hands it on.
fn root_crl(base: &str) -> String {
    if base == INTEL {
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der".to_owned()
    } else {
        format!("{base}/sgx/certification/v4/rootcacrl")
    }
}

fn until(signed: Signed) -> (Signed, Option<u64>) {
    let next = signed.issued.next;
    (signed, Some(next))
}

/// The chain that one of two headers has: the second is the name that others give it.
fn chain(answer: &Answer, headers: [&'static str; 2]) -> Result<String, FetchError> {
    let chain = headers.iter().find_map(|header| answer.chain(header));
    let chain = chain.ok_or_else(|| answer.lacks(headers[0]))?;
    let readable = from_pem(&chain)
        .is_some_and(|chain| chain.iter().all(|certificate| Cert::parse(certificate).is_some()));
    if readable { Ok(chain) } else { Err(answer.lacks(headers[0])) }
}

fn tcb_info(answer: &Answer, chain: String) -> Result<Signed, FetchError> {
    #[derive(Deserialize)]
    struct TcbInfo<'a> {
        #[serde(borrow, rename = "tcbInfo")]
        text: &'a RawValue,
        signature: String,
    }
    let TcbInfo { text, signature } = json(answer)?;
    signed(answer, text, signature, chain)
}

fn qe_identity(answer: &Answer, chain: String) -> Result<Signed, FetchError> {
    #[derive(Deserialize)]
    struct QeIdentity<'a> {
        #[serde(borrow, rename = "enclaveIdentity")]
        text: &'a RawValue,
        signature: String,
    }
    let QeIdentity { text, signature } = json(answer)?;
    signed(answer, text, signature, chain)
}

fn json<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, FetchError> {
    serde_json::from_slice(&answer.body).map_err(|error| answer.other(error.to_string()))
}

/// The text as it was signed: neither parsed nor written again.
fn signed(
    answer: &Answer,
    text: &RawValue,
    signature: String,
    chain: String,
) -> Result<Signed, FetchError> {
    let text = text.get().to_owned();
    let Some(issued) = Issued::read(&text) else {
        return Err(answer.other("it has no `id`, `issueDate` or `nextUpdate`"));
    };
    if !hex::decode(&signature).is_ok_and(|signature| signature.len() == 64) {
        return Err(answer.other("its signature is not 64 bytes in hexadecimal"));
    }
    Ok(Signed { text, signature, chain, issued })
}

/// A revocation list: DER as Intel answers, or hexadecimal as a PCCS does.
fn revocations(answer: &Answer) -> Result<(Vec<u8>, Crl), FetchError> {
    let der = match std::str::from_utf8(&answer.body) {
        Ok(text) => hex::decode(text.trim()).unwrap_or_else(|_| answer.body.clone()),
        Err(_) => answer.body.clone(),
    };
    match Crl::parse(&der) {
        Some(crl) => Ok((der, crl)),
        None => Err(answer.other("it is no list of revoked certificates")),
    }
}
