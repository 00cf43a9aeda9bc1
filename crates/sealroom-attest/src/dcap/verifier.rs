//! Signatures, chains, lists and levels: another crate's work, behind a trait, so that it can be exchanged for a second
//! implementation, or stand beside one.

use super::{collateral::Collateral, refusal::Refusal};
use crate::{Rule, policy::TcbStatus};
use dcap_qvl::{
    PckCertFlag, QuoteClaims, QuotePolicy, TcbStatus as Theirs, verify::QuoteVerifier as Qvl,
};
use der::DateTime;
use sealroom_evidence::dcap::Quote;
use std::str::FromStr;

/// Verifies a quote against collateral at a moment: everything that needs no relying party's opinion.
pub(super) trait QuoteVerifier {
    /// What is so once all signatures, chains, lists, levels and identities are good; else the first thing that is not.
    fn verify(
        &self,
        quote: &Quote<'_>,
        collateral: &Collateral,
        now: u64,
    ) -> Result<Claims, Refusal>;
}

/// What a verifier vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// The state of the whole in Intel's spelling; it knows more states than a policy can name.
    pub(super) status: String,
    /// The state of the whole as it was when the guest was started.
    pub(super) launch: TcbStatus,
    /// The platform's level, with the TDX module.
    pub(super) platform: Level,
    /// The quoting enclave's.
    pub(super) qe: Level,
    /// The platform's level now, where the guest can outlive an update (TDX 1.5).
    pub(super) current: Option<Level>,
    /// Whether the guest should be started again to gain what the platform has loaded.
    pub(super) relaunch_advised: bool,
    /// Advisories that are open.
    pub(super) advisories: Vec<String>,
    /// The lower `tcbEvaluationDataNumber` of TCB info and QE identity.
    pub(super) evaluation_data_number: u32,
    /// From the platform's certificate.
    pub(super) fmspc: [u8; 6],
    /// From the platform's certificate.
    pub(super) pce_id: Vec<u8>,
    /// From the platform's certificate.
    pub(super) ppid: Vec<u8>,
    /// From the platform's certificate, where there is one.
    pub(super) piid: Option<[u8; 16]>,
    /// From the platform's certificate; `None` where it does not say.
    pub(super) smt: Option<bool>,
    /// As above.
    pub(super) dynamic: Option<bool>,
    /// As above.
    pub(super) cached_keys: Option<bool>,
    /// When the newest part was issued, seconds since 1970.
    pub(super) issued: u64,
    /// When the first part runs out, seconds since 1970.
    pub(super) expires: u64,
}

/// A level that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// Its state.
    pub(super) status: TcbStatus,
    /// `tcbDate`: what was known then is mended in it. Seconds since 1970.
    pub(super) date: u64,
    /// The same as Intel writes it.
    pub(super) date_text: String,
    /// Advisories that are open at it.
    pub(super) advisories: Vec<String>,
}

/// dcap-qvl, asked for claims alone: what they come to is decided here.
pub(super) struct DcapQvl<'a> {
    /// The root, DER; `None` for the one that it has built in.
    pub(super) root: Option<&'a [u8]>,
    /// Whether the policy accepts the service domain that is bound.
    pub(super) allow_service_td: bool,
}

impl QuoteVerifier for DcapQvl<'_> {
    fn verify(
        &self,
        quote: &Quote<'_>,
        collateral: &Collateral,
        now: u64,
    ) -> Result<Claims, Refusal> {
        let verifier = match self.root {
            Some(root) => Qvl::new(root.to_vec()),
            None => Qvl::new_prod(),
        };
        let claims = verifier
            .allow_debug(false)
            .allow_service_td(self.allow_service_td)
            .verify_with_policy(quote.core, &collateral.raw, now, &QuotePolicy::claims_only(now))
            .map_err(|error| {
                Refusal::of(&error.chain().map(ToString::to_string).collect::<Vec<_>>())
            })?;
        Claims::of(claims)
    }
}

impl Claims {
    fn of(claims: QuoteClaims) -> Result<Self, Refusal> {
        let platform = claims.platform;
        let pck = platform.pck;
        let (launch, relaunch_advised) = match claims.tcb.status {
            Theirs::TDRelaunchAdvised => (TcbStatus::OutOfDate, true),
            Theirs::TDRelaunchAdvisedConfigurationNeeded => {
                (TcbStatus::OutOfDateConfigurationNeeded, true)
            }
            other => (status(other)?, false),
        };
        let level = |level: dcap_qvl::tcb_info::TcbLevel| {
            Level::of(level.tcb_status, level.tcb_date, level.advisory_ids)
        };
        let qe = claims.qe.tcb_level;
        Ok(Self {
            status: claims.tcb.status.to_string(),
            launch,
            platform: level(platform.tcb_level)?,
            qe: Level::of(qe.tcb_status, qe.tcb_date, qe.advisory_ids)?,
            current: platform.current_tcb_level.map(level).transpose()?,
            relaunch_advised,
            advisories: claims.tcb.advisory_ids,
            evaluation_data_number: claims.tcb.eval_data_number,
            fmspc: pck.fmspc,
            pce_id: pck.pce_id,
            ppid: pck.ppid,
            piid: pck.platform_instance_id,
            smt: flag(pck.smt_enabled),
            dynamic: flag(pck.dynamic_platform),
            cached_keys: flag(pck.cached_keys),
            issued: claims.latest_issue_date,
            expires: claims.earliest_expiration_date,
        })
    }
}

impl Level {
    fn of(theirs: Theirs, date_text: String, advisories: Vec<String>) -> Result<Self, Refusal> {
        let date = DateTime::from_str(&date_text).map_err(|_| {
            let text = format!("a date that cannot be read: `{date_text}`");
            Refusal { rule: Rule::EndorsementsFormat, text }
        })?;
        let date = date.unix_duration().as_secs();
        Ok(Self { status: status(theirs)?, date, date_text, advisories })
    }
}

/// The states of a single level. Those that say how two levels relate are none.
fn status(theirs: Theirs) -> Result<TcbStatus, Refusal> {
    Ok(match theirs {
        Theirs::UpToDate => TcbStatus::UpToDate,
        Theirs::SWHardeningNeeded => TcbStatus::SwHardeningNeeded,
        Theirs::ConfigurationNeeded => TcbStatus::ConfigurationNeeded,
        Theirs::ConfigurationAndSWHardeningNeeded => TcbStatus::ConfigurationAndSwHardeningNeeded,
        Theirs::OutOfDate => TcbStatus::OutOfDate,
        Theirs::OutOfDateConfigurationNeeded => TcbStatus::OutOfDateConfigurationNeeded,
        Theirs::Revoked => TcbStatus::Revoked,
        other @ (Theirs::TDRelaunchAdvised | Theirs::TDRelaunchAdvisedConfigurationNeeded) => {
            let text = format!("a level of state {other}, which is none of a level");
            return Err(Refusal { rule: Rule::EndorsementsFormat, text });
        }
    })
}

const fn flag(theirs: PckCertFlag) -> Option<bool> {
    match theirs {
        PckCertFlag::True => Some(true),
        PckCertFlag::False => Some(false),
        PckCertFlag::Undefined => None,
    }
}
