//! Any bytes are either a learned policy, which is written and read again as the same bytes, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_learn::trainer::learned::LearnedPolicy;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(policy) = LearnedPolicy::from_bytes(bytes) {
        let write = |policy: &LearnedPolicy| policy.state().and_then(|s| s.to_bytes());
        let written = write(&policy).expect("a policy can be written");
        let again = LearnedPolicy::from_bytes(&written).expect("and read again");
        assert_eq!(written, write(&again).expect("and written again"));
    }
});
