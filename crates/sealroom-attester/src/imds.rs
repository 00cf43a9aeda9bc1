//! Azure's instance metadata service: what a guest can't get from its own hardware. Anybody on the host may answer in
//! its name: certificates and quotes are signed, and looked at by whoever verifies the evidence.

use crate::AttestError;
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    },
};
use sealroom_http::{Body, Client, HttpError, Method};
use sealroom_protocol::Base64;
use serde::{Deserialize, de::DeserializeOwned};
use std::io::Read as _;

/// The service's address in every virtual machine: plain HTTP, never routed.
pub(crate) const ADDRESS: &str = "http://169.254.169.254";

/// Three certificates in PEM have about 7 KiB, a quote in base64 has about as many.
const MAX_ANSWER: u64 = 64 << 10;
/// What is base64url here comes with padding or without.
const URL_SAFE_ANY_PAD: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The service.
pub(crate) struct Imds(Client);

#[derive(Deserialize)]
struct Certificates {
    #[serde(rename = "vcekCert")]
    vcek: String,
    /// ASK, then ARK.
    #[serde(rename = "certificateChain")]
    chain: String,
}

#[derive(Deserialize)]
struct TdQuote {
    quote: String,
}

impl Imds {
    /// The service at `address`.
    pub(crate) fn at(address: &str) -> Result<Self, HttpError> {
        // Without this header, which no forwarded request has, the service answers nobody.
        Ok(Self(Client::new(address, None)?.with_header("metadata", "true".to_owned())))
    }

    /// The certificates of this machine's AMD processor in DER: VCEK, ASK, ARK.
    pub(crate) fn certificates(&self) -> Result<Vec<Base64>, AttestError> {
        let what = "certificates of the processor";
        let path = "/metadata/THIM/amd/certification";
        let found: Certificates = self.ask(what, Method::GET, path, Body::Empty)?;
        let (vcek, chain) = (certificates(&found.vcek), certificates(&found.chain));
        match (vcek.as_deref(), chain.as_deref()) {
            (Some([vcek]), Some([ask, ark])) => {
                Ok([vcek, ask, ark].map(|der| Base64(der.clone())).into())
            }
            _ => Err(AttestError::Unreadable(format!("the metadata service's {what} are none"))),
        }
    }

    /// A quote for a report that was made on this machine.
    pub(crate) fn td_quote(&self, td_report: &[u8]) -> Result<Vec<u8>, AttestError> {
        let what = "quote";
        let body = Body::json(&serde_json::json!({ "report": URL_SAFE_NO_PAD.encode(td_report) }));
        let found: TdQuote = self.ask(what, Method::POST, "/acc/tdquote", body)?;
        URL_SAFE_ANY_PAD.decode(found.quote).map_err(|_| {
            AttestError::Unreadable(format!("the metadata service's {what} is no base64url"))
        })
    }

    fn ask<T: DeserializeOwned>(
        &self,
        what: &'static str,
        method: Method,
        path: &str,
        body: Body<'_>,
    ) -> Result<T, AttestError> {
        let mut answer = self
            .0
            .call(method, path, body)
            .map_err(|source| AttestError::Metadata { what, source })?;
        let mut text = Vec::new();
        let limit = MAX_ANSWER + 1;
        let read = answer.body_mut().as_reader().take(limit).read_to_end(&mut text);
        read.map_err(|source| AttestError::Metadata { what, source: HttpError::Transfer(source) })?;
        if text.len() as u64 > MAX_ANSWER {
            return Err(AttestError::Unreadable(format!(
                "the metadata service's answer has more than {MAX_ANSWER} bytes"
            )));
        }
        serde_json::from_slice(&text).map_err(|error| {
            AttestError::Unreadable(format!("the metadata service's answer is no {what}: {error}"))
        })
    }
}

/// The certificates of a text in PEM (RFC 7468), in its order.
fn certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let blocks = text.split(BEGIN).skip(1).map(|block| {
        let (body, _) = block.split_once(END)?;
        STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
    });
    blocks.collect()
}
