//! Reads recorded samples: one row a bucket, columns by their names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::error::Error;
use crate::gate::Counts;

/// The columns, in the order in which they are read.
const COLUMNS: [&str; 5] =
    ["seconds", "candidate_requests", "candidate_errors", "baseline_requests", "baseline_errors"];
/// A file longer than this is refused: a year of 10-second buckets is a tenth of it.
const LONGEST: u64 = 1 << 30;
/// A field longer than this is no number; the rest of it is not shown.
const LONGEST_SHOWN: usize = 40;

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// Seconds since any start, rising from row to row.
    pub(super) seconds: u64,
    /// The counts.
    pub(super) counts: Counts,
}

/// Reads a file and hands over row by row; gives the number of rows.
pub(super) fn read(path: &Path, name: &Path, mut take: impl FnMut(Sample)) -> Result<u64, Error> {
    let unreadable = |error: std::io::Error| {
        Error::invalid(format!("{} cannot be read", name.display())).caused_by(error)
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > LONGEST {
        return Err(Error::invalid(format!("{}: longer than 1 GiB", name.display())));
    }
    rows(file.take(LONGEST), &name.display().to_string(), &mut take)
}

/// Where something is wrong.
struct Place<'a> {
    file: &'a str,
    line: u64,
}

impl Place<'_> {
    /// An error in a column, counted from 1.
    fn column(&self, index: usize, column: &str, what: &str) -> Error {
        let Self { file, line } = self;
        Error::invalid(format!("{file}: line {line}, column {} ({column}): {what}", index + 1))
    }

    fn line(&self, what: &str) -> Error {
        Error::invalid(format!("{}: line {}: {what}", self.file, self.line)).hint(format!(
            "The first line names the columns: {}. Each further line is one bucket.",
            COLUMNS.join(",")
        ))
    }
}

fn rows(text: impl Read, file: &str, take: &mut impl FnMut(Sample)) -> Result<u64, Error> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord, last: u64| -> Result<Option<u64>, Error> {
        let more = reader.read_byte_record(record).map_err(|error| {
            let line = error.position().map_or(last + 1, csv::Position::line);
            Place { file, line }.line("cannot be read").caused_by(error)
        })?;
        Ok(more.then(|| record.position().map_or(last + 1, csv::Position::line)))
    };
    let Some(line) = next(&mut record, 0)? else {
        return Err(Place { file, line: 1 }.line("the file is empty"));
    };
    let order = header(&record, &Place { file, line })?;
    let mut before: Option<u64> = None;
    let (mut count, mut last) = (0, line);
    while let Some(line) = next(&mut record, last)? {
        last = line;
        let place = Place { file, line };
        let mut values = [0_u64; 5];
        for ((value, column), index) in values.iter_mut().zip(COLUMNS).zip(order) {
            *value = number(&record, index, column, &place)?;
        }
        let [seconds, candidate, candidate_errors, baseline, baseline_errors] = values;
        if let Some(before) = before.filter(|before| seconds <= *before) {
            let what = format!("{seconds} does not come after {before}: a bucket counts once");
            return Err(place.column(order[0], COLUMNS[0], &what));
        }
        let arms = [(candidate_errors, candidate, 2), (baseline_errors, baseline, 4)];
        for (errors, requests, column) in arms {
            if errors > requests {
                let what = format!("{errors} errors among {requests} requests");
                let at = order.get(column).copied().unwrap_or_default();
                return Err(place.column(at, COLUMNS.get(column).copied().unwrap_or(""), &what));
            }
        }
        before = Some(seconds);
        count += 1;
        take(Sample {
            seconds,
            counts: Counts::new(candidate, candidate_errors, baseline, baseline_errors),
        });
    }
    Ok(count)
}

/// Finds the columns; others are left alone.
fn header(record: &ByteRecord, place: &Place<'_>) -> Result<[usize; 5], Error> {
    let mut order = [0; 5];
    for (slot, column) in order.iter_mut().zip(COLUMNS) {
        let is_named = |(_, field): &(usize, &[u8])| {
            let field = field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field);
            field.trim_ascii() == column.as_bytes()
        };
        let mut found = record.iter().enumerate().filter(is_named);
        let first = found.next();
        *slot = match (first, found.next()) {
            (Some((index, _)), None) => index,
            (Some(_), Some((again, _))) => {
                return Err(place.column(again, column, "the column is there twice"));
            }
            (None, _) => return Err(place.line(&format!("there is no column `{column}`"))),
        };
    }
    Ok(order)
}

fn number(
    record: &ByteRecord,
    index: usize,
    column: &str,
    place: &Place<'_>,
) -> Result<u64, Error> {
    let Some(field) = record.get(index) else {
        let what = format!("the line has only {} column(s)", record.len());
        return Err(place.column(index, column, &what));
    };
    let digits = std::str::from_utf8(field)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(field).chars().take(LONGEST_SHOWN).collect();
        let what = match digits {
            Some(_) => format!("`{shown}` is larger than {}", u64::MAX),
            None => format!("`{shown}` is no whole number"),
        };
        place.column(index, column, &what)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str =
        "seconds,candidate_requests,candidate_errors,baseline_requests,baseline_errors\n";

    fn all(text: &[u8]) -> Result<Vec<Sample>, String> {
        let mut samples = Vec::new();
        let read = rows(text, "x.csv", &mut |sample| samples.push(sample));
        read.map(|_| samples).map_err(|error| error.to_string())
    }

    fn fault(rows: &str) -> String {
        all(format!("{HEAD}{rows}").as_bytes()).unwrap_err()
    }

    #[test]
    fn columns_are_found_by_name_and_others_ignored() {
        let text = "\u{feff}note, baseline_errors,seconds,candidate_requests,candidate_errors,\
                    baseline_requests\r\nx,2, 10 ,300,3,2700\r\n\r\n,0,20,18446744073709551615,0,1";
        let samples = all(text.as_bytes()).unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!(samples[0], Sample { seconds: 10, counts: Counts::new(300, 3, 2700, 2) });
        assert_eq!(samples[1].counts, Counts::new(u64::MAX, 0, 1, 0));
        assert_eq!(all(HEAD.as_bytes()), Ok(Vec::new()));
    }

    #[test]
    fn faults_are_located() {
        assert!(all(b"").unwrap_err().contains("line 1: the file is empty"));
        assert!(all(b"seconds\n1").unwrap_err().contains("no column `candidate_requests`"));
        assert_eq!(
            fault("1,5,0,5,0\n2,x,0,5,0"),
            "x.csv: line 3, column 2 (candidate_requests): `x` is no whole number"
        );
        assert!(fault("1,5,-1,5,0").contains("column 3 (candidate_errors): `-1`"));
        assert!(fault("1,5,0,5,NaN").contains("column 5"));
        assert!(fault("1,5,0").contains("column 4 (baseline_requests): the line has only 3"));
        assert!(fault("1,5,6,5,0").contains("column 3 (candidate_errors): 6 errors among 5"));
        assert!(fault("1,5,0,5,6").contains("column 5 (baseline_errors): 6 errors among 5"));
        assert!(fault("1,99999999999999999999,0,5,0").contains("is larger than"));
        assert!(fault("7,5,0,5,0\n7,5,0,5,0").contains("line 3, column 1 (seconds): 7 does not"));
        assert!(all(b"seconds,seconds\n").unwrap_err().contains("column 2 (seconds): the column"));
        let long = fault(&format!("1,{},0,5,0", "9".repeat(100_000)));
        assert!(long.len() < 200, "{}", long.len());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = all(&bytes);
            let mut text = HEAD.as_bytes().to_vec();
            text.extend(bytes);
            let _ = all(&text);
        }
    }
}
