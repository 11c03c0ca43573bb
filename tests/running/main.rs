//! The running milter, without an MTA.

mod faults;
mod giving_way;
mod hostile_mta;
mod last_good;
mod last_good_settings;
mod ledger;
mod metrics;
#[path = "../support/policy_mutations.rs"]
mod policy_mutations;
mod protocol;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/recordings.rs"]
#[expect(dead_code, reason = "here, only the packets are of use")]
mod recordings;
mod reload;
#[path = "../../fuzz/src/said.rs"]
#[expect(dead_code, reason = "of what is said to the outside, here it is the replies")]
mod said;
mod service;
mod socketmap;
mod support;
mod trial;
