//! What is published of a platform's state: TCB info (version 3) and QE identity (version 2), as JSON.

use super::{DAY, NOW, Sort, hex};
use der::DateTime;
use std::time::Duration;

/// The signer of Intel's quoting enclaves, made up.
pub(super) const QE_SIGNER: [u8; 32] = [0x8c; 32];

/// TCB info.
#[derive(Clone, Debug)]
pub struct TcbInfo {
    /// `SGX` or `TDX`.
    pub id: String,
    /// 3.
    pub version: u8,
    /// Seconds since 1970.
    pub issue_date: u64,
    /// Seconds since 1970.
    pub next_update: u64,
    /// Of which platforms.
    pub fmspc: [u8; 6],
    /// Of which platforms.
    pub pce_id: [u8; 2],
    /// tcbEvaluationDataNumber.
    pub number: u32,
    /// tdxModule.
    pub module: Option<Module>,
    /// tdxModuleIdentities.
    pub identities: Vec<ModuleIdentity>,
    /// tcbLevels, the best first.
    pub levels: Vec<TcbLevel>,
}

/// Who signs TDX modules.
#[derive(Clone, Debug)]
pub struct Module {
    /// MRSIGNERSEAM.
    pub mr_signer: [u8; 48],
    /// SEAMATTRIBUTES.
    pub attributes: [u8; 8],
    /// Which of them count.
    pub mask: [u8; 8],
}

/// TDX modules of a version.
#[derive(Clone, Debug)]
pub struct ModuleIdentity {
    /// `TDX_01`…
    pub id: String,
    /// Who signs them.
    pub module: Module,
    /// By ISVSVN, the best first.
    pub levels: Vec<(u16, Level)>,
}

/// A level of a platform.
#[derive(Clone, Debug)]
pub struct TcbLevel {
    /// Least of each component.
    pub sgx: [u8; 16],
    /// Least PCESVN.
    pub pce_svn: u16,
    /// Least of each component of TDX.
    pub tdx: Option<[u8; 16]>,
    /// What it comes to.
    pub level: Level,
}

/// What a level comes to.
#[derive(Clone, Debug)]
pub struct Level {
    /// tcbDate, seconds since 1970.
    pub date: u64,
    /// tcbStatus.
    pub status: String,
    /// advisoryIDs.
    pub advisories: Vec<String>,
}

/// QE identity.
#[derive(Clone, Debug)]
pub struct QeIdentity {
    /// `QE` or `TD_QE`.
    pub id: String,
    /// 2.
    pub version: u8,
    /// Seconds since 1970.
    pub issue_date: u64,
    /// Seconds since 1970.
    pub next_update: u64,
    /// tcbEvaluationDataNumber.
    pub number: u32,
    /// MISCSELECT.
    pub miscselect: [u8; 4],
    /// Which of it counts.
    pub miscselect_mask: [u8; 4],
    /// ATTRIBUTES.
    pub attributes: [u8; 16],
    /// Which of them count.
    pub attributes_mask: [u8; 16],
    /// MRSIGNER.
    pub mr_signer: [u8; 32],
    /// ISVPRODID.
    pub isv_prod_id: u16,
    /// By ISVSVN, the best first.
    pub levels: Vec<(u16, Level)>,
}

impl Level {
    /// One without advisories, of 100 days ago.
    #[must_use]
    pub fn new(status: &str) -> Self {
        Self { date: NOW - 100 * DAY, status: status.to_owned(), advisories: Vec::new() }
    }

    fn to_json(&self, tcb: &str) -> String {
        let advisories = if self.advisories.is_empty() {
            String::new()
        } else {
            format!(",\"advisoryIDs\":{:?}", self.advisories)
        };
        let (date, status) = (date(self.date), &self.status);
        format!("{{\"tcb\":{tcb},\"tcbDate\":\"{date}\",\"tcbStatus\":\"{status}\"{advisories}}}")
    }
}

fn by_isv_svn(levels: &[(u16, Level)]) -> String {
    let levels = levels.iter().map(|(svn, level)| level.to_json(&format!("{{\"isvsvn\":{svn}}}")));
    levels.collect::<Vec<_>>().join(",")
}

fn date(seconds: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(seconds)).unwrap().to_string()
}

/// Intel writes these in upper case.
fn upper(bytes: &[u8]) -> String {
    hex(bytes).to_uppercase()
}

impl Module {
    fn to_json(&self) -> String {
        format!(
            "\"mrsigner\":\"{}\",\"attributes\":\"{}\",\"attributesMask\":\"{}\"",
            upper(&self.mr_signer),
            upper(&self.attributes),
            upper(&self.mask)
        )
    }
}

impl TcbInfo {
    /// One with a level that is up to date and one, of lower versions, that is not.
    #[must_use]
    pub fn new(sort: Sort) -> Self {
        let of_tdx = sort != Sort::Sgx;
        let level = |svn: u8, pce_svn, status| {
            let mut tdx = [0; 16];
            (tdx[0], tdx[2]) = (svn, svn);
            let tdx = of_tdx.then_some(tdx);
            TcbLevel { sgx: [svn; 16], pce_svn, tdx, level: Level::new(status) }
        };
        let module = Module { mr_signer: [0; 48], attributes: [0; 8], mask: [0xff; 8] };
        let identity = ModuleIdentity {
            id: "TDX_01".to_owned(),
            module: module.clone(),
            levels: vec![(5, Level::new("UpToDate")), (3, Level::new("OutOfDate"))],
        };
        Self {
            id: if of_tdx { "TDX" } else { "SGX" }.to_owned(),
            version: 3,
            issue_date: NOW - DAY,
            next_update: NOW + 29 * DAY,
            fmspc: [0, 0x90, 0x6e, 0xd5, 0, 0],
            pce_id: [0, 0],
            number: 17,
            module: of_tdx.then_some(module),
            identities: if of_tdx { vec![identity] } else { Vec::new() },
            levels: vec![level(5, 13, "UpToDate"), level(3, 5, "OutOfDate")],
        }
    }

    pub(super) fn to_json(&self) -> String {
        let module = self
            .module
            .as_ref()
            .map_or_else(String::new, |module| format!("\"tdxModule\":{{{}}},", module.to_json()));
        let identities: Vec<String> = self
            .identities
            .iter()
            .map(|one| {
                let (id, module, levels) = (&one.id, one.module.to_json(), by_isv_svn(&one.levels));
                format!("{{\"id\":\"{id}\",{module},\"tcbLevels\":[{levels}]}}")
            })
            .collect();
        let identities = if identities.is_empty() {
            String::new()
        } else {
            format!("\"tdxModuleIdentities\":[{}],", identities.join(","))
        };
        let levels: Vec<String> = self.levels.iter().map(TcbLevel::to_json).collect();
        format!(
            "{{\"id\":\"{}\",\"version\":{},\"issueDate\":\"{}\",\"nextUpdate\":\"{}\",\
             \"fmspc\":\"{}\",\"pceId\":\"{}\",\"tcbType\":0,\"tcbEvaluationDataNumber\":{},\
             {module}{identities}\"tcbLevels\":[{}]}}",
            self.id,
            self.version,
            date(self.issue_date),
            date(self.next_update),
            upper(&self.fmspc),
            upper(&self.pce_id),
            self.number,
            levels.join(",")
        )
    }
}

impl TcbLevel {
    fn to_json(&self) -> String {
        let components = |svns: &[u8; 16]| svns.map(|svn| format!("{{\"svn\":{svn}}}")).join(",");
        let tdx = self
            .tdx
            .as_ref()
            .map_or_else(String::new, |tdx| format!(",\"tdxtcbcomponents\":[{}]", components(tdx)));
        self.level.to_json(&format!(
            "{{\"sgxtcbcomponents\":[{}],\"pcesvn\":{}{tdx}}}",
            components(&self.sgx),
            self.pce_svn
        ))
    }
}

impl QeIdentity {
    /// That of the quoting enclave that signs here.
    #[must_use]
    pub fn new(sort: Sort) -> Self {
        let (id, isv_prod_id) = if sort == Sort::Sgx { ("QE", 1) } else { ("TD_QE", 2) };
        let (mut attributes, mut attributes_mask) = ([0; 16], [0; 16]);
        attributes[0] = 0x11;
        attributes_mask[..8].fill(0xff);
        attributes_mask[0] = 0xfb;
        Self {
            id: id.to_owned(),
            version: 2,
            issue_date: NOW - DAY,
            next_update: NOW + 29 * DAY,
            number: 17,
            miscselect: [0; 4],
            miscselect_mask: [0xff; 4],
            attributes,
            attributes_mask,
            mr_signer: QE_SIGNER,
            isv_prod_id,
            levels: vec![(8, Level::new("UpToDate")), (4, Level::new("OutOfDate"))],
        }
    }

    pub(super) fn to_json(&self) -> String {
        format!(
            "{{\"id\":\"{}\",\"version\":{},\"issueDate\":\"{}\",\"nextUpdate\":\"{}\",\
             \"tcbEvaluationDataNumber\":{},\"miscselect\":\"{}\",\"miscselectMask\":\"{}\",\
             \"attributes\":\"{}\",\"attributesMask\":\"{}\",\"mrsigner\":\"{}\",\
             \"isvprodid\":{},\"tcbLevels\":[{}]}}",
            self.id,
            self.version,
            date(self.issue_date),
            date(self.next_update),
            self.number,
            upper(&self.miscselect),
            upper(&self.miscselect_mask),
            upper(&self.attributes),
            upper(&self.attributes_mask),
            upper(&self.mr_signer),
            self.isv_prod_id,
            by_isv_svn(&self.levels)
        )
    }
}
