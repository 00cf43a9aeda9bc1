//! Quotes, byte by byte.

use super::{Body, Keys, SgxBody, SignedBy, Sort, TdBody, published::QE_SIGNER};
use ring::digest;

/// A quote that waits for its signatures.
#[derive(Clone, Debug)]
pub struct Quote {
    /// 3, 4 or 5.
    pub version: u16,
    /// 2: ECDSA P-256.
    pub key_type: u16,
    /// 0 or 0x81.
    pub tee_type: u32,
    /// The quoting enclave's vendor.
    pub vendor: [u8; 16],
    /// Version 5: type and size before the body, if they are not to be what they should.
    pub body_header: Option<(u16, u32)>,
    /// What the processor says.
    pub body: Body,
    /// The quoting enclave's own report; its report data are made when it is signed.
    pub qe_report: SgxBody,
    /// What its report data are to be instead.
    pub qe_report_data: Option<[u8; 64]>,
    /// Hashed with the key.
    pub qe_auth_data: Vec<u8>,
    /// 5: the chain in PEM.
    pub certification_type: u16,
    /// Instead of the chain in PEM.
    pub certification: Option<Vec<u8>>,
    /// Zeros at the end.
    pub padding: usize,
}

impl Quote {
    pub(super) fn new(sort: Sort) -> Self {
        let (version, tee_type) = match sort {
            Sort::Sgx => (3, 0),
            Sort::Td10 => (4, 0x81),
            Sort::Td10InV5 | Sort::Td15 => (5, 0x81),
        };
        let mut qe_report = SgxBody::new();
        qe_report.attributes[0] = 0x11;
        qe_report.mr_signer = QE_SIGNER;
        qe_report.isv_prod_id = if sort == Sort::Sgx { 1 } else { 2 };
        qe_report.isv_svn = 8;
        Self {
            version,
            key_type: 2,
            tee_type,
            vendor: [
                0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f,
                0x06, 0x07,
            ],
            body_header: None,
            body: match sort {
                Sort::Sgx => Body::Sgx(SgxBody::new()),
                Sort::Td10 | Sort::Td10InV5 => Body::Td10(TdBody::new()),
                Sort::Td15 => Body::Td15(TdBody::new()),
            },
            qe_report,
            qe_report_data: None,
            qe_auth_data: (0..32).collect(),
            certification_type: 5,
            certification: None,
            padding: 0,
        }
    }

    /// The enclave's report, for a test to spoil.
    ///
    /// # Panics
    /// If it is a trust domain's.
    pub fn sgx(&mut self) -> &mut SgxBody {
        match &mut self.body {
            Body::Sgx(body) => body,
            _ => panic!("a trust domain's"),
        }
    }

    /// The trust domain's report, for a test to spoil.
    ///
    /// # Panics
    /// If it is an enclave's.
    pub fn td(&mut self) -> &mut TdBody {
        match &mut self.body {
            Body::Td10(body) | Body::Td15(body) => body,
            Body::Sgx(_) => panic!("an enclave's"),
        }
    }

    /// The 64 bytes that it carries.
    pub fn report_data(&mut self) -> &mut [u8; 64] {
        match &mut self.body {
            Body::Sgx(body) => &mut body.report_data,
            Body::Td10(body) | Body::Td15(body) => &mut body.report_data,
        }
    }

    pub(super) fn sign(&self, keys: &Keys, by: &SignedBy, chain: &str) -> Vec<u8> {
        let mut signed = Vec::new();
        signed.extend(self.version.to_le_bytes());
        signed.extend(self.key_type.to_le_bytes());
        signed.extend(self.tee_type.to_le_bytes());
        signed.extend([0; 4]);
        signed.extend(self.vendor);
        signed.extend([0x77; 20]);
        let body = self.body.to_bytes();
        if self.version == 5 {
            let (sort, size) = self.body_header.unwrap_or((self.body.sort(), body.len() as u32));
            signed.extend(sort.to_le_bytes());
            signed.extend(size.to_le_bytes());
        }
        signed.extend(body);

        let key = &keys.attestation.public()[1..];
        let hash = digest::digest(&digest::SHA256, &[key, &self.qe_auth_data].concat());
        let mut report = self.qe_report.clone();
        report.report_data = self.qe_report_data.unwrap_or_else(|| {
            let mut data = [0; 64];
            data[..32].copy_from_slice(hash.as_ref());
            data
        });
        let report = report.to_bytes();
        let certification = self.certification.clone().unwrap_or_else(|| chain.as_bytes().to_vec());
        let mut qe = report.clone();
        qe.extend(by.qe_report.sign_fixed(&report));
        qe.extend((self.qe_auth_data.len() as u16).to_le_bytes());
        qe.extend(&self.qe_auth_data);
        qe.extend(self.certification_type.to_le_bytes());
        qe.extend((certification.len() as u32).to_le_bytes());
        qe.extend(certification);

        let mut auth = by.quote.sign_fixed(&signed);
        auth.extend(key);
        if self.version != 3 {
            auth.extend(6_u16.to_le_bytes());
            auth.extend((qe.len() as u32).to_le_bytes());
        }
        auth.extend(qe);
        signed.extend((auth.len() as u32).to_le_bytes());
        signed.extend(auth);
        signed.extend(std::iter::repeat_n(0, self.padding));
        signed
    }
}
