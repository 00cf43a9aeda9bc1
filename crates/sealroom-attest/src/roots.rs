//! Whose word counts in the end: the manufacturers' root certificates, fixed in the program.

use sealroom_evidence::snp::Product;

/// The trust anchors. There is one set, [`Roots::pinned`]; tests have another, which no option and no file can choose.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Intel's SGX Root CA, DER; `None` for the one that dcap-qvl has pinned.
    pub(crate) intel: Option<Vec<u8>>,
    /// SHA-256 of AMD's root certificates (ARK, DER), by product.
    pub(crate) amd: [(Product, [u8; 32]); 3],
}

impl Roots {
    /// The manufacturers'.
    #[must_use]
    pub const fn pinned() -> Self {
        const fn bytes(hex: &str) -> [u8; 32] {
            const fn digit(byte: u8) -> u8 {
                if byte <= b'9' { byte - b'0' } else { byte - b'a' + 10 }
            }
            let (hex, mut out, mut at) = (hex.as_bytes(), [0; 32], 0);
            while at < 32 {
                out[at] = digit(hex[2 * at]) << 4 | digit(hex[2 * at + 1]);
                at += 1;
            }
            out
        }
        Self {
            intel: None,
            amd: [
                (
                    Product::Milan,
                    bytes("69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"),
                ),
                (
                    Product::Genoa,
                    bytes("4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"),
                ),
                (
                    Product::Turin,
                    bytes("1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"),
                ),
            ],
        }
    }

    /// Roots of a test's own making. Compiled for tests alone: the programs that people use do not have it.
    #[cfg(any(test, feature = "danger-test-roots"))]
    #[must_use]
    pub fn danger_for_tests(intel: Vec<u8>, amd: [(Product, [u8; 32]); 3]) -> Self {
        Self { intel: Some(intel), amd }
    }
}
