//! The evidence over time as a line of text.

use crate::gate::Evidence;

/// The most looks that are shown; of more, equal parts are left out.
const WIDTH: usize = 48;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar a look, as high as ln E is on its way to the threshold; only at the threshold is it full.
/// `None` for fewer than two looks.
pub(super) fn chart(looks: &[&Evidence]) -> Option<String> {
    let last = looks.last().filter(|_| looks.len() > 1)?;
    let every = looks.len().div_ceil(WIDTH);
    // Counted from the end, so that the last look is always there.
    let mut shown: Vec<&&Evidence> = looks.iter().rev().step_by(every).collect();
    shown.reverse();
    let bars: String = shown.iter().map(|look| bar(look.ln_e / look.threshold)).collect();
    let (ln_e, threshold) = (last.ln_e, last.threshold);
    Some(format!("ln E {bars} {ln_e:.1} of {threshold:.1}"))
}

fn bar(height: f64) -> char {
    let [most @ .., full] = BARS;
    if height >= 1.0 {
        return full;
    }
    let index = (height.max(0.0) * most.len() as f64) as usize;
    most.get(index).copied().unwrap_or(full)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::{Bucket, Counts, Panel, Phase, Phases, Policy};

    #[test]
    fn only_the_threshold_fills_a_bar() {
        assert_eq!([-3.0, 0.0, 0.5, 0.999, 1.0, 9.0].map(bar), ['▁', '▁', '▄', '▇', '█', '█']);
        let mut panel = Panel::new(Policy::default(), Phases::Shift, &["errors"]);
        let looks: Vec<Evidence> = (0..100)
            .map(|index| {
                let start = Duration::from_secs(index * 10);
                let counts = Counts::new(50, u64::from(index > 95), 450, 0);
                let bucket = Bucket { start, period: Duration::from_secs(10), counts };
                panel.observe(0, &bucket, Phase::Shift);
                panel.evidence()
            })
            .collect();
        let looks: Vec<&Evidence> = looks.iter().collect();
        assert_eq!(chart(&looks[..1]), None);
        let text = chart(&looks).unwrap();
        assert!(text.ends_with("of 4.6") && text.contains('█'), "{text}");
        assert!(text.chars().count() < 80, "{text}");
    }
}
