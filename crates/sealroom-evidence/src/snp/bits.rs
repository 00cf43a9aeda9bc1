//! Bits of the report: what the guest asked for (56860, "Guest Policy"), and how the platform is set up.

macro_rules! bits {
    ($type:ident, $($(#[doc = $doc:literal])+ $name:ident = $bit:literal;)+) => {
        impl $type {
            $($(#[doc = $doc])+
            #[must_use]
            pub const fn $name(self) -> bool {
                self.0 >> $bit & 1 == 1
            })+
        }
    };
}

/// `POLICY`: what the guest asked of the host when it was started. Bits 26 and higher are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestPolicy(u64);

impl GuestPolicy {
    /// `None` if a bit without a meaning is set, or bit 17, which is always one, is not.
    #[must_use]
    pub const fn parse(raw: u64) -> Option<Self> {
        if raw >> 26 == 0 && raw >> 17 & 1 == 1 { Some(Self(raw)) } else { None }
    }

    /// All bits.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The least firmware interface: major, minor.
    #[must_use]
    pub const fn abi(self) -> [u8; 2] {
        let [minor, major, ..] = self.0.to_le_bytes();
        [major, minor]
    }
}

bits! { GuestPolicy,
    /// `SMT`: hyper-threading may be on.
    smt = 16;
    /// `MIGRATE_MA`: a migration agent may take the guest elsewhere.
    migrate_ma = 18;
    /// `DEBUG`: the host may read the guest.
    debug = 19;
    /// `SINGLE_SOCKET`: it may run on one socket only.
    single_socket = 20;
    /// `CXL_ALLOW`: CXL devices may be there.
    cxl_allow = 21;
    /// `MEM_AES_256_XTS`: memory has to be encrypted with AES-256-XTS.
    mem_aes_256_xts = 22;
    /// `RAPL_DIS`: reading the power draw has to be off.
    rapl_dis = 23;
    /// `CIPHERTEXT_HIDING_DRAM`: ciphertext in memory has to be hidden from the host.
    ciphertext_hiding_dram = 24;
    /// `PAGE_SWAP_DISABLE`: the host may not move pages out.
    page_swap_disable = 25;
}

/// `PLATFORM_INFO`: how the platform is set up. Bits that have no name here may be set: they are of newer firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformInfo(pub u64);

bits! { PlatformInfo,
    /// `SMT_EN`: hyper-threading is on.
    smt = 0;
    /// `TSME_EN`: all memory is encrypted, the host's too.
    tsme = 1;
    /// `ECC_EN`: memory corrects errors.
    ecc = 2;
    /// `RAPL_DIS`: reading the power draw is off.
    rapl_disabled = 3;
    /// `CIPHERTEXT_HIDING_DRAM_EN`: ciphertext in memory is hidden from the host.
    ciphertext_hiding = 4;
    /// `ALIAS_CHECK_COMPLETE`: no aliased memory was found at boot (CVE-2024-21944).
    alias_check_complete = 5;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_without_a_meaning_are_not_read_over() {
        assert_eq!(GuestPolicy::parse(0x3ff_ffff).map(GuestPolicy::raw), Some(0x3ff_ffff));
        assert_eq!(GuestPolicy::parse(0x2_0000).map(GuestPolicy::raw), Some(0x2_0000));
        assert_eq!(GuestPolicy::parse(0x400_0000 | 0x2_0000), None);
        assert_eq!(GuestPolicy::parse(1 << 63 | 0x2_0000), None);
        assert_eq!(GuestPolicy::parse(0x1_0000), None);
    }

    #[test]
    fn each_bit_of_the_guest_policy_has_its_name() {
        for (bit, named) in [
            (16, GuestPolicy::smt as fn(GuestPolicy) -> bool),
            (18, GuestPolicy::migrate_ma),
            (19, GuestPolicy::debug),
            (20, GuestPolicy::single_socket),
            (21, GuestPolicy::cxl_allow),
            (22, GuestPolicy::mem_aes_256_xts),
            (23, GuestPolicy::rapl_dis),
            (24, GuestPolicy::ciphertext_hiding_dram),
            (25, GuestPolicy::page_swap_disable),
        ] {
            assert!(named(GuestPolicy(1 << bit)) && !named(GuestPolicy(!(1 << bit))), "{bit}");
        }
    }

    #[test]
    fn each_bit_of_the_platform_has_its_name() {
        for (bit, named) in [
            (0, PlatformInfo::smt as fn(PlatformInfo) -> bool),
            (1, PlatformInfo::tsme),
            (2, PlatformInfo::ecc),
            (3, PlatformInfo::rapl_disabled),
            (4, PlatformInfo::ciphertext_hiding),
            (5, PlatformInfo::alias_check_complete),
        ] {
            assert!(named(PlatformInfo(1 << bit)) && !named(PlatformInfo(!(1 << bit))), "{bit}");
        }
    }
}
