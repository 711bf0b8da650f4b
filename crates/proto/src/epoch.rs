//! Epochs in short.

/// An epoch in eight bytes, for envelopes: never 0, and two epochs of one store never share it in
/// practice.
#[must_use]
pub fn epoch_tag(epoch: &str) -> u64 {
    // FNV-1a.
    let hash = epoch.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::epoch_tag;

    #[test]
    fn epochs_are_told_apart() {
        assert_ne!(epoch_tag("a"), epoch_tag("b"));
        assert_eq!(epoch_tag("a"), epoch_tag("a"));
        assert_ne!(epoch_tag(""), 0);
    }
}
