use super::*;

#[test]
fn property_every_builtin_round_trips() {
    for builtin in BUILTIN_SCENARIOS {
        let scenario = Scenario::builtin(builtin.name, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scenario.name, builtin.name);
        let text = scenario.to_toml();
        let again = Scenario::from_toml("", &text, &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(scenario, again);
        assert_eq!(text, again.to_toml());
    }
}
