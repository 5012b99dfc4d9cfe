//! Everything goes, and nothing else.

use ha_deploy::domain::OutcomeKind;

use super::provision::done;
use super::stage::{Job, Kill, SMALL, Stage, empty, healthy, model};

#[test]
fn everything_that_was_made_goes_also_when_it_was_protected() {
    let text = SMALL.replace("    accounts:", "    protect: true\n    accounts:");
    for text in [SMALL.to_owned(), text] {
        let model = model(&text);
        let stage = Stage::new(empty(), healthy());
        done(&stage.run(&model, Job::Provision(&[]), Kill::Never));
        assert!(!stage.picture(&model).is_empty());
        let gone = stage.run(&model, Job::Destroy, Kill::Never);
        let outcome = gone.outcome.as_ref().expect("not killed");
        assert_eq!(outcome.kind, OutcomeKind::Done, "{outcome:#?}");
        assert!(stage.picture(&model).is_empty());
        // Again: nothing is left to do.
        done(&stage.run(&model, Job::Destroy, Kill::Never));
    }
}
