//! What a VCEK or VLEK certificate says of the chip and its firmware (AMD 57230, "VCEK Certificate").

use super::certificate::Certificate;
use der::{
    Decode,
    asn1::{Ia5StringRef, UintRef},
    oid::ObjectIdentifier,
};
use sealroom_evidence::snp::{Product, Tcb};

/// An object identifier below AMD's arc.
macro_rules! amd {
    ($rest:literal) => {
        ObjectIdentifier::new_unwrap(concat!("1.3.6.1.4.1.3704.1.", $rest))
    };
}

const STRUCT_VERSION: ObjectIdentifier = amd!("1");
const PRODUCT_NAME: ObjectIdentifier = amd!("2");
const BOOTLOADER: ObjectIdentifier = amd!("3.1");
const TEE: ObjectIdentifier = amd!("3.2");
const SNP: ObjectIdentifier = amd!("3.3");
/// Versions of parts that there are not: zero where they are written.
const SPARE: [ObjectIdentifier; 4] = [amd!("3.4"), amd!("3.5"), amd!("3.6"), amd!("3.7")];
const MICROCODE: ObjectIdentifier = amd!("3.8");
const FMC: ObjectIdentifier = amd!("3.9");
const HWID: ObjectIdentifier = amd!("4");
const CSP_ID: ObjectIdentifier = amd!("5");

/// The certificate of the key that signs reports.
#[derive(Debug)]
pub(super) struct Vek {
    /// A point on P-384, uncompressed.
    pub(super) public_key: Vec<u8>,
    /// With its stepping: `Milan-B0`.
    pub(super) product_name: String,
    /// The firmware that the key was made for.
    pub(super) tcb: Tcb,
    /// The chip: 64 bytes, 8 from Turin on.
    pub(super) hwid: Option<Vec<u8>>,
    /// The cloud provider.
    pub(super) csp_id: Option<String>,
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum VekError {
    #[error("its key is not of P-384")]
    Key,
    #[error("extension {0} is not there, or not of its type")]
    Extension(ObjectIdentifier),
    #[error("its structure has version {0}, which nobody knows here")]
    StructVersion(u8),
    #[error("extension {0} is about a part that does not exist")]
    Spare(ObjectIdentifier),
}

impl Vek {
    pub(super) fn read(certificate: &Certificate<'_>) -> Result<Self, VekError> {
        let number = |oid| {
            let value = certificate.extension(oid).ok_or(VekError::Extension(oid))?;
            match UintRef::from_der(value).map(|number| number.as_bytes()) {
                Ok([]) => Ok(0),
                Ok([number]) => Ok(*number),
                _ => Err(VekError::Extension(oid)),
            }
        };
        let text = |oid| {
            let value = certificate.extension(oid)?;
            Some(Ia5StringRef::from_der(value).ok()?.as_str().to_owned())
        };
        // Version 1 came with Turin: it has `fmc` and one spare part less.
        let has_fmc = match number(STRUCT_VERSION)? {
            0 => false,
            1 => true,
            other => return Err(VekError::StructVersion(other)),
        };
        for oid in SPARE {
            if certificate.extension(oid).is_some() && number(oid)? != 0 {
                return Err(VekError::Spare(oid));
            }
        }
        let tcb = Tcb {
            fmc: if has_fmc { number(FMC)? } else { 0 },
            bootloader: number(BOOTLOADER)?,
            tee: number(TEE)?,
            snp: number(SNP)?,
            microcode: number(MICROCODE)?,
        };
        Ok(Self {
            public_key: certificate.p384().ok_or(VekError::Key)?.to_vec(),
            product_name: text(PRODUCT_NAME).ok_or(VekError::Extension(PRODUCT_NAME))?,
            tcb,
            hwid: certificate.extension(HWID).map(<[u8]>::to_vec),
            csp_id: text(CSP_ID),
        })
    }

    /// The product, without its stepping.
    pub(super) fn product(&self) -> Option<Product> {
        Product::named(self.product_name.split('-').next()?)
    }
}
