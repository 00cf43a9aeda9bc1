//! AMD SEV-SNP (SEV Secure Nested Paging Firmware ABI Specification, publication 56860; GHCB specification, 56421).
//!
//! - [`Report`]: the attestation report
//! - [`CertTable`]: the certificates that a host hands to its guests with it

mod bits;
mod report;
mod table;

pub use bits::{GuestPolicy, PlatformInfo};
pub use report::{Report, ReportError, Signature, SigningKey, Version};
pub use table::{CertTable, TableError};

use std::fmt;

/// A processor of AMD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004, 8004, 97x4.
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Product {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// In AMD's spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// The one of that spelling.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.name() == name)
    }

    /// The one with that family and model (both as CPUID gives them with the extensions added).
    #[must_use]
    pub const fn of_cpuid(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x11) => Some(Self::Turin),
            _ => None,
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Versions of the firmware; each part counts on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcb {
    /// Turin and later; 0 before.
    pub fmc: u8,
    /// Boot loader.
    pub bootloader: u8,
    /// TEE.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Microcode.
    pub microcode: u8,
}

impl Tcb {
    /// Reads `TCB_VERSION` (56860, "TCB Version"): Turin's bytes are not where those of older products are.
    /// `None` if a reserved byte is not zero.
    #[must_use]
    pub const fn decode(raw: [u8; 8], product: Product) -> Option<Self> {
        match (product, raw) {
            (Product::Turin, [fmc, bootloader, tee, snp, 0, 0, 0, microcode]) => {
                Some(Self { fmc, bootloader, tee, snp, microcode })
            }
            (Product::Milan | Product::Genoa, [bootloader, tee, 0, 0, 0, 0, snp, microcode]) => {
                Some(Self { fmc: 0, bootloader, tee, snp, microcode })
            }
            _ => None,
        }
    }

    /// Its bytes. Products before Turin have no place for `fmc`.
    #[must_use]
    pub const fn encode(self, product: Product) -> [u8; 8] {
        let Self { fmc, bootloader, tee, snp, microcode } = self;
        match product {
            Product::Turin => [fmc, bootloader, tee, snp, 0, 0, 0, microcode],
            Product::Milan | Product::Genoa => [bootloader, tee, 0, 0, 0, 0, snp, microcode],
        }
    }

    /// Whether every part is at least the other's. Neither of two may be.
    #[must_use]
    pub const fn at_least(self, other: Self) -> bool {
        self.fmc >= other.fmc
            && self.bootloader >= other.bootloader
            && self.tee >= other.tee
            && self.snp >= other.snp
            && self.microcode >= other.microcode
    }
}

impl fmt::Display for Tcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fmc, bootloader, tee, snp, microcode } = self;
        write!(f, "fmc {fmc}, bootloader {bootloader}, tee {tee}, snp {snp}, microcode {microcode}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turin_keeps_its_versions_elsewhere() {
        let tcb = Tcb { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 5 };
        assert_eq!(tcb.encode(Product::Turin), [1, 2, 3, 4, 0, 0, 0, 5]);
        assert_eq!(tcb.encode(Product::Genoa), [2, 3, 0, 0, 0, 0, 4, 5]);
        assert_eq!(Tcb::decode([1, 2, 3, 4, 0, 0, 0, 5], Product::Turin), Some(tcb));
        let older = Some(Tcb { fmc: 0, ..tcb });
        assert_eq!(Tcb::decode([2, 3, 0, 0, 0, 0, 4, 5], Product::Milan), older);
        for (product, reserved) in [(Product::Turin, 4..7), (Product::Genoa, 2..6)] {
            for at in reserved {
                let mut raw = tcb.encode(product);
                raw[at] = 1;
                assert_eq!(Tcb::decode(raw, product), None, "{product} {at}");
            }
        }
    }

    #[test]
    fn one_older_part_makes_it_older() {
        let tcb = Tcb { fmc: 1, bootloader: 1, tee: 1, snp: 1, microcode: 1 };
        assert!(tcb.at_least(tcb));
        for older in [
            Tcb { fmc: 0, ..tcb },
            Tcb { bootloader: 0, ..tcb },
            Tcb { tee: 0, ..tcb },
            Tcb { snp: 0, ..tcb },
            Tcb { microcode: 0, ..tcb },
        ] {
            assert!(tcb.at_least(older) && !older.at_least(tcb), "{older}");
        }
    }

    #[test]
    fn products_are_known_by_name_and_cpuid() {
        for product in Product::ALL {
            assert_eq!(Product::named(product.name()), Some(product));
        }
        assert_eq!(Product::named("milan"), None);
        assert_eq!(Product::of_cpuid(0x19, 0x01), Some(Product::Milan));
        assert_eq!(Product::of_cpuid(0x19, 0x11), Some(Product::Genoa));
        assert_eq!(Product::of_cpuid(0x19, 0xa0), Some(Product::Genoa));
        assert_eq!(Product::of_cpuid(0x19, 0x20), None);
        assert_eq!(Product::of_cpuid(0x1a, 0x02), Some(Product::Turin));
        assert_eq!(Product::of_cpuid(0x1a, 0x12), None);
        assert_eq!(Product::of_cpuid(0x17, 0x01), None);
    }
}
