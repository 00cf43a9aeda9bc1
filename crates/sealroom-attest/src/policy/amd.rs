//! The table `[snp]`.

use super::{
    SnpPolicy, SnpReference,
    document::{Item, Placed as _, Table, listed},
    error::{PolicyError, printable},
};
use sealroom_evidence::snp::{Product, Tcb};
use std::collections::BTreeMap;

/// The parts of a firmware's version, in AMD's order.
const PARTS: [&str; 5] = ["fmc", "bootloader", "tee", "snp", "microcode"];

pub(super) fn snp(table: &Table<'_>, policy: &mut SnpPolicy) -> Result<(), PolicyError> {
    table.only(&[
        "products",
        "max_vmpl",
        "min_guest_svn",
        "allow_vlek",
        "allow_smt",
        "require_alias_check",
        "require_ciphertext_hiding",
        "require_rapl_disabled",
        "require_ecc",
        "require_tsme",
        "require_single_socket",
        "allow_cxl",
        "require_crl",
        "reference",
    ])?;
    if let Some(item) = table.get("products") {
        policy.products = products(&item, &policy.products)?;
    }
    if policy.products.is_empty() {
        let what = "a table such as [snp.products.Genoa] for each product, with the least firmware that you accept";
        table.need("products", what)?;
    }
    table.read("max_vmpl", &mut policy.max_vmpl, |item| item.number(0..=3))?;
    table.read("min_guest_svn", &mut policy.min_guest_svn, |item| {
        item.number(0..=u32::MAX.into())
    })?;
    table.read("allow_vlek", &mut policy.allow_vlek, Item::flag)?;
    table.read("allow_smt", &mut policy.allow_smt, Item::flag)?;
    table.read("require_alias_check", &mut policy.require_alias_check, Item::flag)?;
    table.read("require_ciphertext_hiding", &mut policy.require_ciphertext_hiding, Item::flag)?;
    table.read("require_rapl_disabled", &mut policy.require_rapl_disabled, Item::flag)?;
    table.read("require_ecc", &mut policy.require_ecc, Item::flag)?;
    table.read("require_tsme", &mut policy.require_tsme, Item::flag)?;
    table.read("require_single_socket", &mut policy.require_single_socket, Item::flag)?;
    table.read("allow_cxl", &mut policy.allow_cxl, Item::flag)?;
    table.read("require_crl", &mut policy.require_crl, Item::flag)?;
    for entry in table.tables("reference", "`[[snp.reference]]`")? {
        let reference = reference(&entry)?;
        if policy.references.contains(&reference) {
            return Err(entry.refuse("this `[[snp.reference]]` is there twice; leave one out"));
        }
        policy.references.push(reference);
    }
    Ok(())
}

fn reference(entry: &Table<'_>) -> Result<SnpReference, PolicyError> {
    entry.only(&["measurement", "host_data", "id_key_digest", "author_key_digest"])?;
    let what = "the launch digest of the guest that may run";
    Ok(SnpReference {
        measurement: entry.need("measurement", what)?.digest()?,
        // Zero says something in these: that there is none.
        host_data: entry.maybe("host_data", Item::hex)?,
        id_key_digest: entry.maybe("id_key_digest", Item::hex)?,
        author_key_digest: entry.maybe("author_key_digest", Item::hex)?,
    })
}

/// The products that the file names take the place of those of its base, so that reading the file is enough to know
/// them all; a version that is left out is the base's.
fn products(
    item: &Item<'_>,
    base: &BTreeMap<Product, Tcb>,
) -> Result<BTreeMap<Product, Tcb>, PolicyError> {
    let mut products = BTreeMap::new();
    for item in item.table("`[snp.products]`")?.items() {
        let product = Product::ALL.into_iter().find(|product| product.name() == item.key());
        let Some(product) = product else {
            let (found, known) = (printable(item.key()), listed(&Product::ALL.map(Product::name)));
            return Err(item
                .refuse(format!("`{found}` is no product that can be judged; there are {known}")));
        };
        products.insert(product, minimum(&item, product, base.get(&product))?);
    }
    if products.is_empty() {
        let message = "`[snp.products]` is empty; name a product, or leave `snp` out of `accept`";
        return Err(item.refuse(message));
    }
    Ok(products)
}

fn minimum(item: &Item<'_>, product: Product, base: Option<&Tcb>) -> Result<Tcb, PolicyError> {
    let table = item.table(match product {
        Product::Milan => "`[snp.products.Milan]`",
        Product::Genoa => "`[snp.products.Genoa]`",
        Product::Turin => "`[snp.products.Turin]`",
    })?;
    table.only(&PARTS)?;
    let has_fmc = product == Product::Turin;
    if let (false, Some(fmc)) = (has_fmc, table.get("fmc")) {
        let message = format!("{product} has no firmware `fmc`, Turin is the first; leave it out");
        return Err(fmc.refuse(message));
    }
    let [fmc, bootloader, tee, snp, microcode] = PARTS;
    let part = |key, of: fn(&Tcb) -> u8| match (table.get(key), base) {
        (Some(item), _) => item.number(0..=u8::MAX.into()),
        (None, Some(base)) => Ok(of(base)),
        (None, None) => table
            .need(
                key,
                "the least version that you accept, as the platform's report shows it; 0 for any",
            )
            .and_then(|item| item.number(0..=u8::MAX.into())),
    };
    Ok(Tcb {
        fmc: if has_fmc { part(fmc, |base| base.fmc)? } else { 0 },
        bootloader: part(bootloader, |base| base.bootloader)?,
        tee: part(tee, |base| base.tee)?,
        snp: part(snp, |base| base.snp)?,
        microcode: part(microcode, |base| base.microcode)?,
    })
}
