//! How an alarm decides: datapoints of the evaluation range -> a state. Pure.
//!
//! Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data". Its
//! two tables are the tests.

use super::alarm::MissingData;
use crate::domain::AlarmState;

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    /// The new state; `None`: keep the present one.
    pub(super) state: Option<AlarmState>,
    /// How many datapoints had to be filled in.
    pub(super) filled: usize,
}

/// Decides on the evaluation range, oldest first: breaching, not breaching, or missing.
pub(super) fn decide(
    range: &[Option<bool>],
    periods: usize,
    to_alarm: usize,
    missing: MissingData,
) -> Decision {
    let real: Vec<bool> = range.iter().rev().filter_map(|point| *point).collect();
    let decided = |breaching: usize| {
        Some(if breaching >= to_alarm { AlarmState::Alarm } else { AlarmState::Ok })
    };
    if real.len() >= periods {
        let breaching = real.iter().take(periods).filter(|breaching| **breaching).count();
        return Decision { state: decided(breaching), filled: 0 };
    }
    let filled = periods - real.len();
    let breaching = real.iter().filter(|breaching| **breaching).count();
    let state = match missing {
        MissingData::Breaching => decided(breaching + filled),
        MissingData::NotBreaching => decided(breaching),
        // No filling can change these two.
        _ if breaching >= to_alarm => Some(AlarmState::Alarm),
        _ if breaching < real.len() => Some(AlarmState::Ok),
        MissingData::Ignore => None,
        MissingData::Missing if real.is_empty() => Some(AlarmState::InsufficientData),
        // Only breaching datapoints, and fewer than M: the alarm waits, lest it fires
        // prematurely, until the oldest of them is at least M periods old.
        MissingData::Missing => {
            let oldest = range.iter().position(|point| *point == Some(true));
            let age = oldest.map_or(0, |position| range.len() - position);
            (age >= to_alarm).then_some(AlarmState::Alarm)
        }
    };
    Decision { state, filled }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Vec<Option<bool>> {
        let point = |symbol: &str| match symbol {
            "0" => Some(false),
            "X" => Some(true),
            _ => None,
        };
        text.split(' ').map(point).collect()
    }

    const OK: Option<AlarmState> = Some(AlarmState::Ok);
    const ALARM: Option<AlarmState> = Some(AlarmState::Alarm);
    const NO_DATA: Option<AlarmState> = Some(AlarmState::InsufficientData);
    const RETAIN: Option<AlarmState> = None;

    /// Columns: datapoints, filled, missing, ignore, breaching, notBreaching.
    type Row = (&'static str, usize, [Option<AlarmState>; 4]);

    fn check(rows: &[Row], periods: usize, to_alarm: usize) {
        let treatments = [
            MissingData::Missing,
            MissingData::Ignore,
            MissingData::Breaching,
            MissingData::NotBreaching,
        ];
        for (points, filled, states) in rows {
            for (missing, state) in treatments.into_iter().zip(states) {
                let decision = decide(&range(points), periods, to_alarm, missing);
                assert_eq!(decision.state, *state, "{points} with {missing:?}");
                assert_eq!(decision.filled, *filled, "{points} with {missing:?}");
            }
        }
    }

    #[test]
    fn the_table_of_aws_for_3_of_3() {
        check(
            &[
                ("0 - X - X", 0, [OK, OK, OK, OK]),
                ("0 - - - -", 2, [OK, OK, OK, OK]),
                ("- - - - -", 3, [NO_DATA, RETAIN, ALARM, OK]),
                ("0 X X - X", 0, [ALARM, ALARM, ALARM, ALARM]),
                ("- - X - -", 2, [ALARM, RETAIN, ALARM, OK]),
            ],
            3,
            3,
        );
    }

    #[test]
    fn the_table_of_aws_for_2_of_3() {
        check(
            &[
                ("0 - X - X", 0, [ALARM, ALARM, ALARM, ALARM]),
                ("0 0 X 0 X", 0, [ALARM, ALARM, ALARM, ALARM]),
                ("0 - X - -", 1, [OK, OK, ALARM, OK]),
                ("- - - - 0", 2, [OK, OK, ALARM, OK]),
                ("- - - X -", 2, [ALARM, RETAIN, ALARM, OK]),
            ],
            3,
            2,
        );
    }

    #[test]
    fn a_young_breaching_datapoint_alone_does_not_fire() {
        // The same page, "Avoiding premature transitions to alarm state", M = N = 3.
        for young in ["- - - - X", "- - - X -"] {
            let decision = decide(&range(young), 3, 3, MissingData::Missing);
            assert_eq!(decision.state, RETAIN, "{young}");
        }
        for harmless in ["- - - X 0", "- - X - 0"] {
            let decision = decide(&range(harmless), 3, 3, MissingData::Missing);
            assert_eq!(decision.state, OK, "{harmless}");
        }
    }
}
