//! The tables `[sgx]` and `[tdx]`.

use super::{
    DcapPolicy, SgxPolicy, SgxReference, TcbStatus, TdxPolicy, TdxReference,
    document::{Item, Placed as _, Table},
    error::{PolicyError, printable},
};

/// XFAM bits 0 and 1 (x87, SSE): every trust domain has them.
const XFAM_ALWAYS: u64 = 3;

pub(super) fn sgx(table: &Table<'_>, policy: &mut SgxPolicy) -> Result<(), PolicyError> {
    table.only(&[
        "status",
        "grace_days",
        "min_evaluation_data_number",
        "deny_advisories",
        "allow_smt",
        "allow_dynamic_platform",
        "allow_cached_keys",
        "reference",
    ])?;
    tcb(table, &mut policy.tcb)?;
    for entry in table.tables("reference", "`[[sgx.reference]]`")? {
        let reference = sgx_reference(&entry)?;
        if policy.references.contains(&reference) {
            return Err(entry.refuse("this `[[sgx.reference]]` is there twice; leave one out"));
        }
        policy.references.push(reference);
    }
    Ok(())
}

fn sgx_reference(entry: &Table<'_>) -> Result<SgxReference, PolicyError> {
    entry.only(&["mrenclave", "mrsigner", "isv_prod_id", "min_isv_svn"])?;
    if let Some(item) = entry.get("mrenclave") {
        for other in ["mrsigner", "isv_prod_id", "min_isv_svn"] {
            if let Some(other) = entry.get(other) {
                let message = format!(
                    "`mrenclave` names one enclave, so `{}` can only contradict it; leave one of them out",
                    other.key()
                );
                return Err(other.refuse(message));
            }
        }
        return Ok(SgxReference::Enclave { mrenclave: item.digest()? });
    }
    let Some(mrsigner) = entry.get("mrsigner") else {
        let message = "`[[sgx.reference]]` names no enclave; give it `mrenclave`, or `mrsigner` with `isv_prod_id` and \
                       `min_isv_svn`";
        return Err(entry.refuse(message));
    };
    // A signer signs more than one product, and has signed versions that it would rather not have.
    let what = "one key signs many products, and old versions of them; say which product, from which version on";
    for key in ["isv_prod_id", "min_isv_svn"] {
        if entry.get(key).is_none() {
            return Err(mrsigner.refuse(format!("`mrsigner` needs `{key}` beside it: {what}")));
        }
    }
    let number = |key| entry.need(key, what).and_then(|item| item.number(0..=u16::MAX.into()));
    Ok(SgxReference::Signer {
        mrsigner: mrsigner.digest()?,
        isv_prod_id: number("isv_prod_id")?,
        min_isv_svn: number("min_isv_svn")?,
    })
}

pub(super) fn tdx(table: &Table<'_>, policy: &mut TdxPolicy) -> Result<(), PolicyError> {
    table.only(&[
        "status",
        "grace_days",
        "min_evaluation_data_number",
        "deny_advisories",
        "allow_smt",
        "allow_dynamic_platform",
        "allow_cached_keys",
        "allow_relaunch_advised",
        "service_tds",
        "xfam_allowed",
        "reference",
    ])?;
    tcb(table, &mut policy.tcb)?;
    table.read("allow_relaunch_advised", &mut policy.allow_relaunch_advised, Item::flag)?;
    table.read("service_tds", &mut policy.service_tds, |item| item.set(Item::digest))?;
    table.read("xfam_allowed", &mut policy.xfam_allowed, |item| {
        let mask = item.number(0..=i64::MAX.unsigned_abs())?;
        if mask & XFAM_ALWAYS == XFAM_ALWAYS {
            return Ok(mask);
        }
        let message = "`xfam_allowed` has to have bits 0 and 1 (x87, SSE), which every trust domain has; write 0x3 \
                       and the others that you allow";
        Err(item.refuse(message))
    })?;
    if policy.xfam_allowed == 0 {
        let what =
            "the extended features that a trust domain may have, as bits of XFAM, such as 0x65ae7";
        table.need("xfam_allowed", what)?;
    }
    for entry in table.tables("reference", "`[[tdx.reference]]`")? {
        let reference = tdx_reference(&entry)?;
        if policy.references.contains(&reference) {
            return Err(entry.refuse("this `[[tdx.reference]]` is there twice; leave one out"));
        }
        policy.references.push(reference);
    }
    Ok(())
}

/// Which registers it has to have depends on the kinds that are accepted: that is looked at when they are known.
fn tdx_reference(entry: &Table<'_>) -> Result<TdxReference, PolicyError> {
    entry.only(&[
        "mrtd",
        "rtmr0",
        "rtmr1",
        "rtmr2",
        "rtmr3",
        "mr_config_id",
        "mr_owner",
        "mr_owner_config",
        "mr_seam",
    ])?;
    Ok(TdxReference {
        mrtd: Some(entry.need("mrtd", "it names the firmware that starts the guest")?.digest()?),
        rtmr: [
            entry.maybe("rtmr0", Item::hex)?,
            entry.maybe("rtmr1", Item::digest)?,
            entry.maybe("rtmr2", Item::digest)?,
            // Zero says something here: that nothing was added to it.
            entry.maybe("rtmr3", Item::hex)?,
        ],
        mr_config_id: entry.maybe("mr_config_id", Item::hex)?,
        mr_owner: entry.maybe("mr_owner", Item::hex)?,
        mr_owner_config: entry.maybe("mr_owner_config", Item::hex)?,
        mr_seam: entry.maybe("mr_seam", Item::digest)?,
    })
}

fn tcb(table: &Table<'_>, tcb: &mut DcapPolicy) -> Result<(), PolicyError> {
    table.read("status", &mut tcb.statuses, |item| item.set(status))?;
    table.read("grace_days", &mut tcb.grace_days, |item| item.number(0..=3650))?;
    table.read("min_evaluation_data_number", &mut tcb.min_evaluation_data_number, |item| {
        item.number(0..=u16::MAX.into())
    })?;
    table.read("deny_advisories", &mut tcb.deny_advisories, |item| item.set(advisory))?;
    table.read("allow_smt", &mut tcb.allow_smt, Item::flag)?;
    table.read("allow_dynamic_platform", &mut tcb.allow_dynamic_platform, Item::flag)?;
    table.read("allow_cached_keys", &mut tcb.allow_cached_keys, Item::flag)?;
    if tcb.statuses.is_empty() {
        table.need("status", "the states of a platform that you accept, such as [\"UpToDate\"]")?;
    }
    let out_of_date = [TcbStatus::OutOfDate, TcbStatus::OutOfDateConfigurationNeeded];
    let out_of_date = out_of_date.into_iter().find(|status| tcb.statuses.contains(status));
    let place = table.get("grace_days").or_else(|| table.get("status"));
    let refuse = |message: String| {
        Err(match place {
            Some(item) => item.refuse(message),
            None => table.refuse(message),
        })
    };
    match (out_of_date, tcb.grace_days) {
        (None, 1..) => refuse(format!(
            "`grace_days` is {}, but no state that is out of date is accepted; add `OutOfDate` to `status`, or \
             write 0",
            tcb.grace_days
        )),
        (Some(status), 0) => refuse(format!(
            "`{status}` is accepted, but for 0 days: no platform would pass; say for how many with `grace_days`"
        )),
        _ => Ok(()),
    }
}

fn status(item: &Item<'_>) -> Result<TcbStatus, PolicyError> {
    let text = item.text()?;
    if text == TcbStatus::Revoked.name() {
        let message =
            "`Revoked` can't be accepted: the manufacturer has taken its word back; leave it out";
        return Err(item.refuse(message));
    }
    // The error repeats what was written: shortened, for it can be anything.
    printable(text).parse().map_err(|error: super::UnknownStatus| item.refuse(error.to_string()))
}

/// Such as `INTEL-SA-00615`, in either case.
fn advisory(item: &Item<'_>) -> Result<String, PolicyError> {
    let text = item.text()?.to_ascii_uppercase();
    let number = text.strip_prefix("INTEL-SA-").or_else(|| text.strip_prefix("INTEL-DOC-"));
    if number.is_some_and(|n| (4..=8).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit())) {
        return Ok(text);
    }
    let found = printable(&text);
    Err(item.refuse(format!("`{found}` is no advisory of Intel; write it such as INTEL-SA-00615")))
}
