//! Finds AMD's certificates: three in a list, or those of the table that hosts hand to their guests.

use crate::{Rule, judging::Findings};
use sealroom_evidence::snp::{CertTable, SigningKey};
use sealroom_protocol::Base64;
use std::borrow::Cow;

/// The certificates, DER by what was said of them. Nothing in them was looked at.
pub(super) struct Endorsements<'a> {
    pub(super) vek: Cow<'a, [u8]>,
    pub(super) ask: Cow<'a, [u8]>,
    pub(super) ark: Cow<'a, [u8]>,
    pub(super) crl: Option<Cow<'a, [u8]>>,
}

/// Every DER certificate begins so. No table of a host does: its first byte is that of a GUID.
const SEQUENCE: u8 = 0x30;

/// Reads `[VCEK or VLEK, ASK or ASVK, ARK]` or `[table]`, each with a list of revoked certificates behind it if there is
/// one.
pub(super) fn read<'a>(
    items: &'a [Base64],
    key: SigningKey,
    found: &mut Findings,
) -> Option<Endorsements<'a>> {
    let Some(first) = items.first() else {
        found.failed(Rule::EndorsementsPresent, "no certificates came with the report");
        return None;
    };
    let read = if first.0.first() == Some(&SEQUENCE) {
        from_list(items, found)
    } else {
        from_table(&first.0, &items[1..], key, found)
    }?;
    found.passed(Rule::EndorsementsPresent, "the certificates that vouch for the report are there");
    Some(read)
}

fn from_list<'a>(items: &'a [Base64], found: &mut Findings) -> Option<Endorsements<'a>> {
    let item = |at: usize| items.get(at).map(|item| Cow::Borrowed(item.0.as_slice()));
    let (Some(vek), Some(ask), Some(ark), true) = (item(0), item(1), item(2), items.len() <= 4)
    else {
        let text = format!(
            "{} items vouch for the report, wanted three certificates (VCEK or VLEK, ASK or ASVK, ARK) and perhaps a \
             revocation list",
            items.len()
        );
        found.failed(Rule::EndorsementsPresent, text);
        return None;
    };
    Some(Endorsements { vek, ask, ark, crl: item(3) })
}

fn from_table<'a>(
    table: &'a [u8],
    rest: &'a [Base64],
    key: SigningKey,
    found: &mut Findings,
) -> Option<Endorsements<'a>> {
    let table = match CertTable::parse(table) {
        Ok(table) => table,
        Err(error) => {
            found.failed(Rule::EndorsementsFormat, error.to_string());
            return None;
        }
    };
    if rest.len() > 1 {
        let text = format!("{} items follow the certificate table, wanted one at most", rest.len());
        found.failed(Rule::EndorsementsPresent, text);
        return None;
    }
    let (vek, name) = match key {
        SigningKey::Vlek => (table.vlek, "VLEK"),
        SigningKey::Vcek | SigningKey::None => (table.vcek, "VCEK"),
    };
    let mut take = |entry: Option<&'a [u8]>, name: &str| match entry {
        None => {
            let text = format!("the host's certificate table has no {name} certificate");
            found.failed(Rule::EndorsementsPresent, text);
            None
        }
        Some(bytes) => {
            let der = unwrap_pem(bytes);
            if der.is_none() {
                let text = format!("the {name} certificate of the host's table is not PEM");
                found.failed(Rule::EndorsementsFormat, text);
            }
            der
        }
    };
    let (vek, ask, ark) = (take(vek, name), take(table.ask, "ASK"), take(table.ark, "ARK"));
    // Our own list goes before the host's.
    let crl = match (rest.first(), table.crl) {
        (Some(own), _) => Some(Cow::Borrowed(own.0.as_slice())),
        (None, Some(bytes)) => Some(unwrap_pem(bytes).unwrap_or(Cow::Borrowed(bytes))),
        (None, None) => None,
    };
    Some(Endorsements { vek: vek?, ask: ask?, ark: ark?, crl })
}

/// The DER of one PEM block (RFC 7468), or the bytes themselves if they are DER already.
fn unwrap_pem(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    if bytes.first() == Some(&SEQUENCE) {
        return Some(Cow::Borrowed(bytes));
    }
    // Hosts end the text with a zero, or with many.
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').trim();
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    let digits: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    // The same strict base64 as everywhere else.
    let Base64(der) = serde_json::from_value(digits.into()).ok()?;
    Some(Cow::Owned(der))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_of_pem_is_unwrapped() {
        let der = |text: &str| unwrap_pem(text.as_bytes()).map(Cow::into_owned);
        let good = "-----BEGIN X-----\nAQ\nID\n-----END X-----";
        assert_eq!(der(good), Some(vec![1, 2, 3]));
        assert_eq!(der(&format!("{good}\n\0\0")), Some(vec![1, 2, 3]));
        assert_eq!(der("0anything"), Some(b"0anything".to_vec()));
        for bad in [
            "",
            "AQID",
            "-----BEGIN X-----AQID-----END Y-----",
            "-----BEGIN X-----AQ*D-----END X-----",
            "-----BEGIN X-----AQID",
            "-----BEGIN X-----AQID-----END X-----\n-----BEGIN X-----AQID-----END X-----",
        ] {
            assert_eq!(der(bad), None, "{bad}");
        }
        assert_eq!(unwrap_pem(&[0xff]), None);
    }
}
