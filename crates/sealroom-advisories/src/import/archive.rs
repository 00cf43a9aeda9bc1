//! Records in a `.zip` of JSON files.

use super::{
    ImportError,
    budget::{Budget, Exceeded},
    collect::Collector,
    json,
};
use crate::text::Line;
use sealroom_seal::Digest;
use std::{
    ffi::OsStr,
    fs::File,
    io::{Cursor, Read},
    path::Path,
};
use zip::ZipArchive;

/// What the header of each file begins with that an archive's directory lists.
const LISTED: &[u8; 4] = b"PK\x01\x02";

/// Whether a file that begins so is an archive: with a file in it, or with none.
pub(super) fn is_archive(beginning: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06"].iter().any(|magic| beginning == magic.as_slice())
}

/// Reads the `.json` files of an archive, in the order of its directory, and tells the archive's digest.
///
/// It is held in memory: what is hashed is then what is read, whatever happens to the file meanwhile.
pub(super) fn read(
    file: File,
    name: &str,
    collector: &mut Collector,
    budget: &Budget,
) -> Result<Digest, ImportError> {
    let too_large = |source| ImportError::TooLarge { place: name.to_owned(), source };
    let limit = budget.limits.archive;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(super::read(name))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(Exceeded::Archive(limit)));
    }
    // The directory is read into memory as a whole, several times its size, before it says how much it lists.
    if bytes.windows(LISTED.len()).filter(|four| four == LISTED).count() > budget.limits.records {
        return Err(too_large(Exceeded::Records(budget.limits.records)));
    }
    let unpack = |source| ImportError::Archive { place: name.to_owned(), source };
    let mut archive = ZipArchive::new(Cursor::new(bytes.as_slice())).map_err(unpack)?;
    if archive.has_duplicate_names() {
        return Err(ImportError::Twice { place: name.to_owned() });
    }
    for at in 0..archive.len() {
        let entry = archive.by_index_data(at).map_err(unpack)?;
        let path = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if !is_json(Path::new(&path)) {
            continue;
        }
        let place = format!("`{}` in {name}", Line::from(path).as_str());
        let unpack = |source| ImportError::Archive { place: place.clone(), source };
        let entry = archive.by_index(at).map_err(unpack)?;
        json::records(entry, &place, collector, budget)?;
    }
    Ok(Digest::of(&bytes))
}

/// Whether a file within an archive or a folder is looked at.
pub(super) fn is_json(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|ext| ext.eq_ignore_ascii_case("json"))
}
