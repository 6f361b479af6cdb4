//! Any text is either a valid scenario, whose canonical text decodes to the same, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_core::Scenario;

fuzz_target!(|text: &str| {
    if let Ok(scenario) = Scenario::from_toml("", text, &[]) {
        let again = Scenario::from_toml("", &scenario.to_toml(), &[]).expect("canonical text");
        assert_eq!(scenario, again);
    }
});
