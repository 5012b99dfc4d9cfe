//! `gate power`: what a shift can see, before it is made.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::cli::{Global, PowerArgs};
use crate::commands::Host;
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::gate::power::{Answer, Question};

/// Error rates of the candidate that are shown, as multiples of the baseline's.
const MULTIPLES: [f64; 6] = [2.0, 5.0, 10.0, 20.0, 50.0, 200.0];

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &PowerArgs,
) -> Result<OutcomeKind, Error> {
    let question = Question {
        rps: args.rps,
        weight: share("--weight", &args.weight)?,
        baseline: share("--baseline", &args.baseline)?,
        hold: time("--hold", &args.hold)?,
        period: time("--period", &args.period)?,
        settle: time("--settle", &args.settle)?,
        alpha: args.alpha,
        margin: args.margin,
    };
    if !question.is_sound() {
        return Err(Error::invalid("the question has no answer").hint(
            "--rps must be above 0; --weight, --baseline and --alpha between 0 and 1 (0 % and \
             100 %); --margin above 0.",
        ));
    }
    let rates = MULTIPLES.map(|multiple| multiple * question.baseline);
    let answers: Vec<Answer> =
        rates.into_iter().filter(|rate| *rate < 1.0).map(|rate| question.answer(rate)).collect();
    let mut stdout = host.stdout.clone();
    if global.json {
        let document = json!({
            "schema": "ha-deploy/gate-power/1",
            "rps": question.rps,
            "weight": question.weight,
            "baseline": question.baseline,
            "hold_s": question.hold.as_secs(),
            "alpha": question.alpha,
            "margin": question.margin,
            "visible_ratio": question.visible_ratio(),
            "summary": question.summary(),
            "answers": answers,
        });
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Error::bug("the answer cannot be written").caused_by(error))?;
        let _ = writeln!(stdout, "{text}");
    } else {
        let _ = stdout.write_all(text(&question, &answers).as_bytes());
    }
    Ok(OutcomeKind::Done)
}

fn text(question: &Question, answers: &[Answer]) -> String {
    let mut out = format!("{}\n\n", question.summary());
    out.push_str(&format!(
        "{:>14}  {:>8}  {:>12}  {:>10}  {:>12}\n",
        "green's errors", "times", "rolled back", "median", "bad answers"
    ));
    for answer in answers {
        let median =
            answer.median_seconds.map_or("–".to_owned(), |seconds| format!("{seconds:.0} s"));
        out.push_str(&format!(
            "{:>12.2} %  {:>8.0}  {:>10.1} %  {median:>10}  {:>12.1}\n",
            answer.rate * 100.0,
            answer.ratio,
            answer.detected * 100.0,
            answer.bad_requests,
        ));
    }
    out
}

/// Reads `10%`, or a share such as `0.1`.
fn share(option: &str, text: &str) -> Result<f64, Error> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().ok().map(|number| number / unit);
    share.filter(|share| *share > 0.0 && *share < 1.0).ok_or_else(|| {
        Error::invalid(format!("{option} {text}: not between 0 and 1"))
            .hint("Write a percentage such as `10%`, or a share such as `0.1`.")
    })
}

fn time(option: &str, text: &str) -> Result<Duration, Error> {
    crate::config::duration(text).ok_or_else(|| {
        Error::invalid(format!("{option} {text}: not a duration"))
            .hint("Write a duration with units, such as `90s`, `5m` or `1h30m`.")
    })
}
