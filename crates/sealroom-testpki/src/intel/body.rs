//! What the processor says, field by field.

/// Of which sort.
#[derive(Clone, Debug)]
pub enum Body {
    /// An enclave's.
    Sgx(SgxBody),
    /// A trust domain's, version 1.0.
    Td10(TdBody),
    /// A trust domain's, version 1.5.
    Td15(TdBody),
}

impl Body {
    pub(super) const fn sort(&self) -> u16 {
        match self {
            Self::Sgx(_) => 1,
            Self::Td10(_) => 2,
            Self::Td15(_) => 3,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Sgx(body) => body.to_bytes(),
            Self::Td10(body) => body.to_bytes(false),
            Self::Td15(body) => body.to_bytes(true),
        }
    }
}

/// An enclave's report.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub struct SgxBody {
    pub cpu_svn: [u8; 16],
    pub misc_select: u32,
    pub isv_ext_prod_id: [u8; 16],
    pub attributes: [u8; 16],
    pub mr_enclave: [u8; 32],
    pub mr_signer: [u8; 32],
    pub config_id: [u8; 64],
    pub isv_prod_id: u16,
    pub isv_svn: u16,
    pub config_svn: u16,
    pub isv_family_id: [u8; 16],
    pub report_data: [u8; 64],
}

impl SgxBody {
    pub(super) const fn new() -> Self {
        let mut attributes = [0; 16];
        attributes[0] = 0x05;
        attributes[8] = 0xe7;
        Self {
            cpu_svn: [5; 16],
            misc_select: 0,
            isv_ext_prod_id: [0; 16],
            attributes,
            mr_enclave: [0xe1; 32],
            mr_signer: [0x51; 32],
            config_id: [0; 64],
            isv_prod_id: 7,
            isv_svn: 3,
            config_svn: 0,
            isv_family_id: [0; 16],
            report_data: [0xda; 64],
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [
            &self.cpu_svn[..],
            &self.misc_select.to_le_bytes(),
            &[0; 12],
            &self.isv_ext_prod_id,
            &self.attributes,
            &self.mr_enclave,
            &[0; 32],
            &self.mr_signer,
            &[0; 32],
            &self.config_id,
            &self.isv_prod_id.to_le_bytes(),
            &self.isv_svn.to_le_bytes(),
            &self.config_svn.to_le_bytes(),
            &[0; 42],
            &self.isv_family_id,
            &self.report_data,
        ]
        .concat()
    }
}

/// A trust domain's report; the last two fields in version 1.5 alone.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub struct TdBody {
    pub tee_tcb_svn: [u8; 16],
    pub mr_seam: [u8; 48],
    pub mr_signer_seam: [u8; 48],
    pub seam_attributes: [u8; 8],
    pub td_attributes: u64,
    pub xfam: u64,
    pub mr_td: [u8; 48],
    pub mr_config_id: [u8; 48],
    pub mr_owner: [u8; 48],
    pub mr_owner_config: [u8; 48],
    pub rtmr: [[u8; 48]; 4],
    pub report_data: [u8; 64],
    pub tee_tcb_svn2: [u8; 16],
    pub mr_service_td: [u8; 48],
}

impl TdBody {
    pub(super) const fn new() -> Self {
        let mut tee_tcb_svn = [0; 16];
        tee_tcb_svn[0] = 5;
        tee_tcb_svn[1] = 1;
        tee_tcb_svn[2] = 5;
        Self {
            tee_tcb_svn,
            mr_seam: [0x5e; 48],
            mr_signer_seam: [0; 48],
            seam_attributes: [0; 8],
            td_attributes: 1 << 28,
            xfam: 0x61ae7,
            mr_td: [0x7d; 48],
            mr_config_id: [0xc0; 48],
            mr_owner: [0xc1; 48],
            mr_owner_config: [0xc2; 48],
            rtmr: [[0xd0; 48], [0xd1; 48], [0xd2; 48], [0xd3; 48]],
            report_data: [0xda; 64],
            tee_tcb_svn2: tee_tcb_svn,
            mr_service_td: [0; 48],
        }
    }

    fn to_bytes(&self, of_15: bool) -> Vec<u8> {
        let mut out = [
            &self.tee_tcb_svn[..],
            &self.mr_seam,
            &self.mr_signer_seam,
            &self.seam_attributes,
            &self.td_attributes.to_le_bytes(),
            &self.xfam.to_le_bytes(),
            &self.mr_td,
            &self.mr_config_id,
            &self.mr_owner,
            &self.mr_owner_config,
            self.rtmr.as_flattened(),
            &self.report_data,
        ]
        .concat();
        if of_15 {
            out.extend(self.tee_tcb_svn2);
            out.extend(self.mr_service_td);
        }
        out
    }
}
