use super::*;

#[test]
fn every_builtin_parses_under_its_own_name() {
    for builtin in builtin() {
        let scenario = builtin.scenario().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, builtin.name);
        assert!(!scenario.description.is_empty());
    }
}
