//! Which CPU and memory pairs Fargate has.

/// Whether Fargate has the pair, in CPU units and MiB (ECS developer guide, task size).
pub(super) fn valid_size(cpu: u32, memory: u32) -> bool {
    const GIB: u32 = 1024;
    let (least, most, step) = match cpu {
        256 => return matches!(memory, 512 | 1024 | 2048),
        512 => (GIB, 4 * GIB, GIB),
        1024 => (2 * GIB, 8 * GIB, GIB),
        2048 => (4 * GIB, 16 * GIB, GIB),
        4096 => (8 * GIB, 30 * GIB, GIB),
        8192 => (16 * GIB, 60 * GIB, 4 * GIB),
        16384 => (32 * GIB, 120 * GIB, 8 * GIB),
        32768 => return matches!(memory, 61_440 | 122_880 | 184_320 | 249_856),
        _ => return false,
    };
    (least..=most).contains(&memory) && (memory - least).is_multiple_of(step)
}

/// Reads a size as ECS takes it: units (`512`), or `.5 vCPU` and `1 GB`.
pub(super) fn units(text: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    let scaled = ["vcpu", "gb"].iter().find_map(|unit| lower.strip_suffix(unit));
    match scaled {
        Some(number) => {
            let number: f64 = number.trim().parse().ok()?;
            let units = number * 1024.0;
            (units.is_finite() && (0.0..1e9).contains(&units)).then_some(units as u32)
        }
        None => lower.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_fargate_sizes() {
        assert!(valid_size(256, 512) && valid_size(4096, 30_720) && valid_size(8192, 20_480));
        assert!(!valid_size(256, 3072) && !valid_size(512, 512) && !valid_size(300, 1024));
        assert!(!valid_size(8192, 17_408));
    }

    #[test]
    fn reads_sizes_in_units_and_words() {
        assert_eq!(units("512"), Some(512));
        assert_eq!(units(".5 vCPU"), Some(512));
        assert_eq!(units("1 GB"), Some(1024));
        assert_eq!(units("lots"), None);
    }
}
