//! What the processor says: an enclave's report (Intel SDM, volume 3D, table "Layout of REPORT"), a trust domain's
//! (Intel TDX Module ABI, `TDREPORT_STRUCT`, as `sgx_report2_body_t` has it).

use super::{QuoteError, Reader};

/// Bytes of an enclave's report.
pub const SGX_BYTES: usize = 384;
/// Bytes of a trust domain's report, version 1.0.
pub(super) const TD_BYTES_10: usize = 584;
/// Bytes of a trust domain's report, version 1.5.
pub(super) const TD_BYTES_15: usize = 648;

/// An enclave's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SgxReport<'a> {
    /// CPUSVN.
    pub cpu_svn: &'a [u8; 16],
    /// MISCSELECT.
    pub misc_select: u32,
    /// ISVEXTPRODID (KSS).
    pub isv_ext_prod_id: &'a [u8; 16],
    /// ATTRIBUTES: flags (8, little endian), then XFRM (8, little endian).
    pub attributes: &'a [u8; 16],
    /// MRENCLAVE: the enclave.
    pub mr_enclave: &'a [u8; 32],
    /// MRSIGNER: who signed it.
    pub mr_signer: &'a [u8; 32],
    /// CONFIGID (KSS).
    pub config_id: &'a [u8; 64],
    /// ISVPRODID: which product of the signer's.
    pub isv_prod_id: u16,
    /// ISVSVN: its version.
    pub isv_svn: u16,
    /// CONFIGSVN (KSS).
    pub config_svn: u16,
    /// ISVFAMILYID (KSS).
    pub isv_family_id: &'a [u8; 16],
    /// REPORTDATA.
    pub report_data: &'a [u8; 64],
    /// Whether bytes are set that mean nothing yet.
    pub reserved: bool,
}

impl<'a> SgxReport<'a> {
    /// ATTRIBUTES.INIT: the enclave was initialised.
    pub const INIT: u64 = 1;
    /// ATTRIBUTES.DEBUG: the host may read and write it.
    pub const DEBUG: u64 = 1 << 1;
    /// ATTRIBUTES.MODE64BIT.
    pub const MODE64: u64 = 1 << 2;
    /// ATTRIBUTES.PROVISION_KEY: it may derive a key that names the platform to everybody.
    pub const PROVISION_KEY: u64 = 1 << 4;
    /// ATTRIBUTES.EINITTOKEN_KEY: it may launch others.
    pub const EINITTOKEN_KEY: u64 = 1 << 5;
    /// ATTRIBUTES.KSS: key separation and sharing, which give the fields marked so a meaning.
    pub const KSS: u64 = 1 << 7;
    /// Reads one; the quoting enclave's own too.
    ///
    /// # Errors
    /// None for 384 bytes; the type is that of its reader.
    pub fn parse(bytes: &'a [u8; SGX_BYTES]) -> Result<Self, QuoteError> {
        let mut at = Reader::of("SGX report", bytes);
        let (cpu_svn, misc_select) = (at.take()?, at.u32()?);
        let reserved1 = at.take::<12>()?;
        let (isv_ext_prod_id, attributes, mr_enclave) = (at.take()?, at.take()?, at.take()?);
        let reserved2 = at.take::<32>()?;
        let mr_signer = at.take()?;
        let reserved3 = at.take::<32>()?;
        let config_id = at.take()?;
        let (isv_prod_id, isv_svn, config_svn) = (at.u16()?, at.u16()?, at.u16()?);
        let reserved4 = at.take::<42>()?;
        let (isv_family_id, report_data) = (at.take()?, at.take()?);
        at.end()?;
        let reserved: [&[u8]; 4] = [reserved1, reserved2, reserved3, reserved4];
        Ok(Self {
            cpu_svn,
            misc_select,
            isv_ext_prod_id,
            attributes,
            mr_enclave,
            mr_signer,
            config_id,
            isv_prod_id,
            isv_svn,
            config_svn,
            isv_family_id,
            report_data,
            reserved: reserved.into_iter().flatten().any(|&byte| byte != 0),
        })
    }

    /// The flags of ATTRIBUTES, without XFRM.
    #[must_use]
    pub fn flags(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.attributes;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A trust domain's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdReport<'a> {
    /// TEE_TCB_SVN: versions of the TDX module and what is below, when the guest was started.
    pub tee_tcb_svn: &'a [u8; 16],
    /// MRSEAM: the TDX module.
    pub mr_seam: &'a [u8; 48],
    /// MRSIGNERSEAM: its signer; zero is Intel.
    pub mr_signer_seam: &'a [u8; 48],
    /// SEAMATTRIBUTES.
    pub seam_attributes: &'a [u8; 8],
    /// TDATTRIBUTES, little endian.
    pub td_attributes: &'a [u8; 8],
    /// XFAM, little endian.
    pub xfam: &'a [u8; 8],
    /// MRTD: what the guest was started with.
    pub mr_td: &'a [u8; 48],
    /// MRCONFIGID.
    pub mr_config_id: &'a [u8; 48],
    /// MROWNER.
    pub mr_owner: &'a [u8; 48],
    /// MROWNERCONFIG.
    pub mr_owner_config: &'a [u8; 48],
    /// RTMR0..3: what it loaded since.
    pub rtmr: [&'a [u8; 48]; 4],
    /// REPORTDATA.
    pub report_data: &'a [u8; 64],
    /// What version 1.5 adds.
    pub td15: Option<Td15<'a>>,
}

/// What version 1.5 of a trust domain's report adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Td15<'a> {
    /// TEE_TCB_SVN2: versions now; the module may have been renewed under the guest.
    pub tee_tcb_svn2: &'a [u8; 16],
    /// MRSERVICETD: domains that serve this one; zero is none.
    pub mr_service_td: &'a [u8; 48],
}

impl<'a> TdReport<'a> {
    /// TDATTRIBUTES that let the host look in (TUD): DEBUG first.
    pub const UNTRUSTED: u64 = 0xff;
    /// TDATTRIBUTES.DEBUG.
    pub const DEBUG: u64 = 1;
    /// TDATTRIBUTES.SERVTD_EXT: domains may be bound that MRSERVICETD alone does not tell.
    pub const SERVTD_EXT: u64 = 1 << 17;
    /// TDATTRIBUTES.SEPT_VE_DISABLE: the host can't make the guest handle faults of its choice.
    pub const SEPT_VE_DISABLE: u64 = 1 << 28;
    /// TDATTRIBUTES.MIGRATABLE.
    pub const MIGRATABLE: u64 = 1 << 29;
    /// TDATTRIBUTES.PKS.
    pub const PKS: u64 = 1 << 30;
    /// TDATTRIBUTES.KL.
    pub const KL: u64 = 1 << 31;
    /// TDATTRIBUTES.PERFMON: the guest may use performance counters.
    pub const PERFMON: u64 = 1 << 63;

    fn read(at: &mut Reader<'a>) -> Result<Self, QuoteError> {
        Ok(Self {
            tee_tcb_svn: at.take()?,
            mr_seam: at.take()?,
            mr_signer_seam: at.take()?,
            seam_attributes: at.take()?,
            td_attributes: at.take()?,
            xfam: at.take()?,
            mr_td: at.take()?,
            mr_config_id: at.take()?,
            mr_owner: at.take()?,
            mr_owner_config: at.take()?,
            rtmr: [at.take()?, at.take()?, at.take()?, at.take()?],
            report_data: at.take()?,
            td15: None,
        })
    }

    pub(super) fn parse_10(bytes: &'a [u8; TD_BYTES_10]) -> Result<Self, QuoteError> {
        let mut at = Reader::of("TD report", bytes);
        let report = Self::read(&mut at)?;
        at.end()?;
        Ok(report)
    }

    pub(super) fn parse_15(bytes: &'a [u8; TD_BYTES_15]) -> Result<Self, QuoteError> {
        let mut at = Reader::of("TD report", bytes);
        let report = Self::read(&mut at)?;
        let td15 = Td15 { tee_tcb_svn2: at.take()?, mr_service_td: at.take()? };
        at.end()?;
        Ok(Self { td15: Some(td15), ..report })
    }

    /// TDATTRIBUTES as a number.
    #[must_use]
    pub const fn attributes(&self) -> u64 {
        u64::from_le_bytes(*self.td_attributes)
    }
}
