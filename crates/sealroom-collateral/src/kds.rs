//! AMD: the Key Distribution Service (AMD 57230, "Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface
//! Specification").

use crate::{
    FetchError,
    get::{Answer, Getter},
    need::{Chip, Key},
    x509::{Cert, Crl, from_pem},
};
use sealroom_evidence::snp::{Product, Tcb};

/// Asks for everything that a report of `chip` needs: `[vek, ask, ark, crl]`, DER.
pub(crate) fn fetch(
    getter: &Getter,
    base: &str,
    chip: &Chip,
    now: u64,
) -> Result<Vec<Vec<u8>>, FetchError> {
    let (leaf, product, sort) = match &chip.key {
        Key::Vlek(leaf) => (leaf.clone(), chip.products.first().copied(), "vlek"),
        Key::Vcek { known: Some(leaf), .. } => {
            (leaf.clone(), chip.products.first().copied(), "vcek")
        }
        Key::Vcek { chip: id, reported, known: None } => {
            let (leaf, product) = vcek(getter, base, &chip.products, id, *reported, now)?;
            (leaf, Some(product), "vcek")
        }
    };
    let product = product.unwrap_or(Product::Milan);
    let [ask, ark] = getter.get(format!("{base}/{sort}/v1/{product}/cert_chain"), now, issuers)?;
    let root = Cert::parse(&ark).map(|root| root.subject()).unwrap_or_default();
    // One list for both sorts of key: only the root revokes.
    let crl =
        getter.get(format!("{base}/vcek/v1/{product}/crl"), now, |answer| {
            match Crl::parse(&answer.body) {
                Some(crl) if crl.issuer == root => Ok((answer.body.clone(), crl.next)),
                Some(crl) => Err(answer.other(format!("it is a list of `{}`", crl.issuer))),
                None => Err(answer.other("it is no list of revoked certificates")),
            }
        })?;
    Ok(vec![leaf, ask, ark, crl])
}

/// The chip's certificate, of the first product that has it.
fn vcek(
    getter: &Getter,
    base: &str,
    products: &[Product],
    chip: &[u8; 64],
    reported: [u8; 8],
    now: u64,
) -> Result<(Vec<u8>, Product), FetchError> {
    let mut refused = None;
    for product in products {
        let Some(tcb) = Tcb::decode(reported, *product) else { continue };
        let url = format!("{base}{}", vcek_path(*product, chip, tcb));
        let asked = getter.get(url, now, |answer| {
            let Some(cert) = Cert::parse(&answer.body) else {
                return Err(answer.other("it is no certificate"));
            };
            if !cert.is_of(chip, reported) || cert.product() != Some(*product) {
                return Err(answer.other("it is the certificate of another chip or firmware"));
            }
            Ok((answer.body.clone(), Some(cert.validity().1)))
        });
        match asked {
            Ok(leaf) => return Ok((leaf, *product)),
            // Not of this product; perhaps of the next.
            Err(error @ FetchError::Status { status: 400 | 404, .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| FetchError::Status { url: base.to_owned(), status: 404 }))
}

fn vcek_path(product: Product, chip: &[u8; 64], tcb: Tcb) -> String {
    let Tcb { fmc, bootloader, tee, snp, microcode } = tcb;
    // Turin's chips have short names, and one more part of firmware.
    let (chip, fmc) = match product {
        Product::Turin => (&chip[..8], format!("fmcSPL={fmc:02}&")),
        Product::Milan | Product::Genoa => (&chip[..], String::new()),
    };
    let chip = hex::encode(chip);
    format!(
        "/vcek/v1/{product}/{chip}?{fmc}blSPL={bootloader:02}&teeSPL={tee:02}&snpSPL={snp:02}&ucodeSPL={microcode:02}"
    )
}

/// ASK or ASVK, and ARK.
fn issuers(answer: &Answer) -> Result<([Vec<u8>; 2], Option<u64>), FetchError> {
    let chain = std::str::from_utf8(&answer.body).ok().and_then(from_pem);
    let Some(Ok([ask, ark])) = chain.map(<[Vec<u8>; 2]>::try_from) else {
        return Err(answer.other("it is no chain of two certificates"));
    };
    let (Some(first), Some(root)) = (Cert::parse(&ask), Cert::parse(&ark)) else {
        return Err(answer.other("a certificate of the chain cannot be read"));
    };
    let until = first.validity().1.min(root.validity().1);
    Ok(([ask, ark], Some(until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turin_is_asked_for_by_a_short_name_with_one_more_version() {
        let tcb = Tcb { fmc: 1, bootloader: 3, tee: 0, snp: 23, microcode: 209 };
        let mut chip = [0; 64];
        chip[7] = 0xab;
        assert_eq!(
            vcek_path(Product::Turin, &chip, tcb),
            "/vcek/v1/Turin/00000000000000ab?fmcSPL=01&blSPL=03&teeSPL=00&snpSPL=23&ucodeSPL=209"
        );
        let milan = vcek_path(Product::Milan, &chip, tcb);
        assert!(milan.starts_with(&format!("/vcek/v1/Milan/{}?blSPL=03&", hex::encode(chip))));
    }
}
