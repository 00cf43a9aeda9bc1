//! The tables `[azure]` and `[tpm]`.

use super::{
    AzurePolicy, PcrReference, TpmPolicy,
    document::{Item, Placed as _, Table},
    error::PolicyError,
};
use std::collections::BTreeMap;

/// The registers of a TPM, as the file calls them.
const REGISTERS: [&str; 24] = [
    "pcr0", "pcr1", "pcr2", "pcr3", "pcr4", "pcr5", "pcr6", "pcr7", "pcr8", "pcr9", "pcr10",
    "pcr11", "pcr12", "pcr13", "pcr14", "pcr15", "pcr16", "pcr17", "pcr18", "pcr19", "pcr20",
    "pcr21", "pcr22", "pcr23",
];

pub(super) fn azure(table: &Table<'_>, policy: &mut AzurePolicy) -> Result<(), PolicyError> {
    table.only(&["require_secure_boot", "allow_console", "allow_vpci_devices", "reference"])?;
    table.read("require_secure_boot", &mut policy.require_secure_boot, Item::flag)?;
    table.read("allow_console", &mut policy.allow_console, Item::flag)?;
    table.read("allow_vpci_devices", &mut policy.allow_vpci_devices, Item::flag)?;
    for entry in table.tables("reference", "`[[azure.reference]]`")? {
        // The paravisor's launch digest is the same for every guest: what was booted is in this register alone.
        entry
            .need("pcr4", "it has what was booted; without it every guest of Azure would do")?
            .digest::<32>()?;
        add(&entry, &mut policy.references)?;
    }
    Ok(())
}

pub(super) fn tpm(table: &Table<'_>, policy: &mut TpmPolicy) -> Result<(), PolicyError> {
    table.only(&["attestation_keys", "reference"])?;
    table.read("attestation_keys", &mut policy.attestation_keys, |item| item.set(Item::digest))?;
    for entry in table.tables("reference", "`[[tpm.reference]]`")? {
        add(&entry, &mut policy.references)?;
    }
    Ok(())
}

fn add(entry: &Table<'_>, references: &mut Vec<PcrReference>) -> Result<(), PolicyError> {
    entry.only(&REGISTERS)?;
    let mut registers = BTreeMap::new();
    for (number, key) in (0..).zip(REGISTERS) {
        // Zero says something here: that nothing was added to it.
        registers.extend(entry.maybe(key, Item::hex)?.map(|value| (number, value)));
    }
    if registers.is_empty() {
        let message =
            "a reference without registers would accept everything; name some, such as `pcr4`";
        return Err(entry.refuse(message));
    }
    let reference = PcrReference(registers);
    if references.contains(&reference) {
        return Err(entry.refuse("this reference is there twice; leave one out"));
    }
    references.push(reference);
    Ok(())
}
