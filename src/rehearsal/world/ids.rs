//! Identifiers in AWS's formats, drawn from the seed so that a run repeats to the byte.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws identifiers.
pub(super) struct Ids {
    rng: ChaCha8Rng,
}

impl Ids {
    /// A source of its own: other draws do not change the identifiers.
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: stream(seed, Stream::Ids) }
    }

    fn draw(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .filter_map(|_| alphabet.get(self.rng.random_range(0..alphabet.len())))
            .map(|byte| char::from(*byte))
            .collect()
    }

    /// Lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, length: usize) -> String {
        self.draw(b"0123456789abcdef", length)
    }

    /// A deployment id (`d-XXXXXXXXX`).
    pub(super) fn deployment(&mut self) -> String {
        format!("d-{}", self.draw(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 9))
    }

    /// A task-set id (`ecs-svc/` and 19 digits).
    pub(super) fn task_set(&mut self) -> String {
        format!("ecs-svc/{}{}", self.draw(b"123456789", 1), self.draw(b"0123456789", 18))
    }

    /// Eight, four, four, four and twelve hexadecimal digits.
    pub(super) fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|length| self.hex(length)).join("-")
    }

    /// An address within the third octet that belongs to a zone.
    pub(super) fn address(&mut self, zone: usize) -> String {
        let third = (zone % 16) * 16 + self.rng.random_range(0..16);
        format!("10.0.{third}.{}", self.rng.random_range(4..255))
    }
}

/// The independent streams of one seed. What one part of the world draws never shifts another,
/// so one more API call does not change the traffic.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// Identifiers.
    Ids = 1,
    /// Users.
    Traffic = 2,
    /// Start and stop times of tasks.
    Tasks = 3,
    /// Throttling.
    Faults = 4,
    /// Answers to health checks and single web requests.
    Web = 5,
}

/// The generator of one stream.
pub(super) fn stream(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}
