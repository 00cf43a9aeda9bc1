//! What is in collateral, for people: dates, platforms, numbers. None of it is checked.

use crate::{
    Collateral,
    pcs::QuoteCollateral,
    x509::{Cert, Crl, from_pem},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is, and of whom.
    pub what: String,
    /// From when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The sort of platform (Intel), upper case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fmspc: Option<String>,
    /// Intel's number of the evaluation that it is from; counts up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<u64>,
    /// How many certificates it revokes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<usize>,
}

impl Part {
    fn new(what: String, issued: u64, expires: Option<u64>) -> Self {
        let time = |seconds: u64| Timestamp::from_second(i64::try_from(seconds).ok()?).ok();
        Self {
            what,
            issued: time(issued),
            expires: expires.and_then(time),
            fmspc: None,
            evaluation: None,
            revoked: None,
        }
    }

    fn unreadable(what: &str) -> Self {
        let none = Self::new(format!("{what} that cannot be read"), 0, None);
        Self { issued: None, ..none }
    }

    fn crl(der: Option<&[u8]>) -> Self {
        let Some(crl) = der.and_then(Crl::parse) else { return Self::unreadable("a list") };
        let what = format!("revocations by {}", crl.issuer);
        Self { revoked: Some(crl.revoked), ..Self::new(what, crl.issued, crl.next) }
    }

    fn certificate(der: &[u8]) -> Option<Self> {
        let cert = Cert::parse(der)?;
        let (from, until) = cert.validity();
        let what = format!("certificate of {} by {}", cert.subject(), cert.issuer());
        Some(Self::new(what, from, Some(until)))
    }

    fn text(name: &str, text: &str) -> Self {
        let Some(found) = Issued::read(text) else { return Self::unreadable(name) };
        Self {
            fmspc: found.fmspc.map(|fmspc| fmspc.to_ascii_uppercase()),
            evaluation: found.evaluation,
            ..Self::new(format!("{name} of {}", found.id), found.issued, Some(found.next))
        }
    }
}

impl Collateral {
    /// Its parts; those that can't be read are among them.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for item in &self.endorsements {
            let bytes = &item.0;
            match serde_json::from_slice::<QuoteCollateral>(bytes) {
                Ok(set) => of_intel(&set, &mut parts),
                Err(_) => parts.push(match Part::certificate(bytes) {
                    Some(part) => part,
                    None => Part::crl(Some(bytes)),
                }),
            }
        }
        parts
    }

    /// Until when all of it counts: the first moment at which a part runs out, seconds since 1970. `None` if a part
    /// can't be read.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        let until = |part: Part| u64::try_from(part.expires?.as_second()).ok();
        let all: Option<Vec<u64>> = self.parts().into_iter().map(until).collect();
        all?.into_iter().min()
    }
}

fn of_intel(set: &QuoteCollateral, parts: &mut Vec<Part>) {
    parts.push(Part::text("TCB info", &set.tcb_info));
    parts.push(Part::text("identity", &set.qe_identity));
    for list in [&set.pck_crl, &set.root_ca_crl] {
        parts.push(Part::crl(hex::decode(list).ok().as_deref()));
    }
    let chains =
        [&set.tcb_info_issuer_chain, &set.qe_identity_issuer_chain, &set.pck_crl_issuer_chain];
    for chain in chains.into_iter().chain(&set.pck_certificate_chain) {
        for der in from_pem(chain).unwrap_or_default() {
            let part = Part::certificate(&der).unwrap_or_else(|| Part::unreadable("a certificate"));
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
}

/// What TCB info and QE identity say of themselves.
pub(crate) struct Issued {
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) issued: u64,
    /// Seconds since 1970.
    pub(crate) next: u64,
    pub(crate) fmspc: Option<String>,
    pub(crate) evaluation: Option<u64>,
}

impl Issued {
    pub(crate) fn read(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            id: String,
            issue_date: Timestamp,
            next_update: Timestamp,
            fmspc: Option<String>,
            tcb_evaluation_data_number: Option<u64>,
        }
        let head: Head = serde_json::from_str(text).ok()?;
        let seconds = |time: Timestamp| u64::try_from(time.as_second()).ok();
        Some(Self {
            id: head.id,
            issued: seconds(head.issue_date)?,
            next: seconds(head.next_update)?,
            fmspc: head.fmspc,
            evaluation: head.tcb_evaluation_data_number,
        })
    }

    pub(crate) fn is_for(&self, fmspc: &str) -> bool {
        self.fmspc.as_ref().is_some_and(|mine| mine.eq_ignore_ascii_case(fmspc))
    }
}
