//! Tests as programs write them: from what a policy says today.

use super::super::written::{WriteError, checked};
use super::{Question, WrittenCase};
use jiff::Timestamp;
use policy::explanation::Conclusion;
use policy::hop::{Level, NextHop};
use policy::{Decision, Policy, ReasonKind, deliver, judge};
use serde::Serialize;

/// A test of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenTest {
    /// The case.
    #[serde(flatten)]
    pub case: WrittenCase,
    /// What is expected.
    pub verdict: Decision,
    /// Why.
    pub reason: ReasonKind,
}

/// A test of what is demanded of a next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenDeliveryTest {
    /// The next hop.
    pub nexthop: String,
    /// When; none: from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is expected.
    pub deliver: &'static str,
}

impl WrittenTest {
    /// What a policy says of a case, at `now` where the case has no time of its own. Where that changes at a date
    /// in the policy, the test says when it holds.
    #[must_use]
    pub fn of(policy: &Policy, case: WrittenCase, question: &Question, now: Timestamp) -> Self {
        let conclusion = |at| {
            let case = question.case_at(at);
            let Conclusion { verdict, reason, .. } = Conclusion::new(&case, &judge(policy, &case));
            (verdict, reason)
        };
        let (verdict, reason) = conclusion(question.case().now);
        let changes = case.at.is_none() && conclusion(Timestamp::MAX) != (verdict, reason);
        let at = if changes { Some(now.to_string()) } else { case.at.clone() };
        Self { case: WrittenCase { at, ..case }, verdict, reason }
    }

    /// It as an item of `tests`.
    ///
    /// # Errors
    ///
    /// When a text has a character in it that cannot be written.
    pub fn to_yaml(&self) -> Result<String, WriteError> {
        checked(serde_yaml::to_string(&[self])?)
    }
}

impl WrittenDeliveryTest {
    /// What a policy demands of a next hop at this time; `at` is the time as it was asked for.
    #[must_use]
    pub fn of(policy: &Policy, next_hop: &NextHop, at: Option<String>, now: Timestamp) -> Self {
        let level = |at| deliver(policy, next_hop, at).demand.map_or(Level::None, |it| it.level);
        let changes = at.is_none() && level(now) != level(Timestamp::MAX);
        let at = if changes { Some(now.to_string()) } else { at };
        Self { nexthop: next_hop.to_string(), at, deliver: level(now).name() }
    }

    /// It as an item of `tests`.
    ///
    /// # Errors
    ///
    /// When a text has a character in it that cannot be written.
    pub fn to_yaml(&self) -> Result<String, WriteError> {
        checked(serde_yaml::to_string(&[self])?)
    }
}
