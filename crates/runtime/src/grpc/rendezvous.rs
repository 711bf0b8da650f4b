//! Rendezvous hashing (Thaler and Ravishankar, 1998): every key ranks all addresses, and takes the
//! highest. When an address goes, only its keys move; when it returns, exactly they come back.
//!
//! Every process must rank alike, so nothing here depends on the process or on the Rust version.

/// The identity of an address among the others (FNV-1a, 64 bits).
pub(super) fn identity(address: &str) -> u64 {
    address.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// How much a key likes an address.
pub(super) fn score(identity: u64, key: u128) -> u64 {
    let [low, high] = halves(key);
    mix(mix(identity ^ low).wrapping_add(high))
}

fn halves(key: u128) -> [u64; 2] {
    let bytes = key.to_le_bytes();
    let half = |range: std::ops::Range<usize>| {
        u64::from_le_bytes(bytes[range].try_into().expect("eight bytes"))
    };
    [half(0..8), half(8..16)]
}

/// The finalizer of SplitMix64: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::{identity, score};

    fn winner(addresses: &[&'static str], key: u128) -> &'static str {
        addresses.iter().copied().max_by_key(|a| score(identity(a), key)).expect("not empty")
    }

    #[test]
    fn spreads_evenly_and_moves_only_what_must() {
        let three = ["10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.3:7000"];
        let two = ["10.0.0.1:7000", "10.0.0.3:7000"];
        let mut counts = [0_u32; 3];
        for key in 0..3_000_u128 {
            let first = winner(&three, key << 32);
            let place = three.iter().position(|a| *a == first).expect("one of them");
            counts[place] += 1;
            if first != "10.0.0.2:7000" {
                assert_eq!(winner(&two, key << 32), first, "a key moved without need");
            }
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn ranks_the_same_in_every_build() {
        assert_eq!(score(identity("10.0.0.1:7000"), 42), score(identity("10.0.0.1:7000"), 42));
        assert_eq!(identity("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
