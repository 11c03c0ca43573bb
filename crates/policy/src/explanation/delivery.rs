//! What `explain --deliver` tells: the answer for a next hop, with the way to it, as text and as JSON.

use crate::hop::NextHop;
use crate::{Match, Mode, Policy, deliver};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;

/// What entries with the same terms say of a next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedDemand {
    /// The pattern that names the first of them.
    pub entry: String,
    /// Where it stands: `FILE:LINE`.
    pub place: String,
    /// How many others there are.
    pub others: usize,
    /// Whether it names the next hop with `nexthop`; else the next hop is its domain.
    pub by_nexthop: bool,
    /// Its mode over time.
    pub schedule: String,
    /// Its mode at this time.
    pub mode: Mode,
    /// What it demands, as Postfix would be told; none: nothing.
    pub demand: Option<String>,
}

/// What Postfix is answered for a next hop, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedDelivery {
    /// The next hop, in the form in which it is compared.
    pub next_hop: String,
    /// The result of the look-up; none: there is none, and Postfix does as it is set.
    pub answer: Option<String>,
    /// What it would be if all entries in monitor were enforced, where that is something else.
    pub would_be: Option<String>,
    /// What is said of this next hop. The strictest has decided, part by part.
    pub demands: Vec<ExplainedDemand>,
    /// Where nobody demands anything: next hops of the same host of which somebody does.
    pub alike: Vec<String>,
}

/// So many next hops of the same host are told.
const ALIKE: usize = 10;

impl ExplainedDelivery {
    /// Decides, and tells how it came about. This looks at all entries of the policy.
    #[must_use]
    pub fn new(policy: &Policy, next_hop: &NextHop, now: Timestamp) -> Self {
        let delivery = deliver(policy, next_hop, now);
        let mut demands = Vec::new();
        if let Some(matched) = policy.domains.for_next_hop(next_hop) {
            add(policy, &mut demands, &matched, false, now);
        }
        for matched in policy.domains.all() {
            let deliver = matched.entry.deliver.as_ref();
            if deliver.is_some_and(|deliver| deliver.next_hops.contains(next_hop)) {
                add(policy, &mut demands, &matched, true, now);
            }
        }
        let nobody = demands.iter().all(|one| one.demand.is_none());
        Self {
            next_hop: next_hop.to_string(),
            answer: delivery.demand.map(|demand| demand.to_string()),
            would_be: delivery.would_demand.map(|demand| demand.to_string()),
            alike: if nobody { alike(policy, next_hop) } else { Vec::new() },
            demands,
        }
    }
}

fn add(
    policy: &Policy,
    demands: &mut Vec<ExplainedDemand>,
    matched: &Match<'_>,
    by_nexthop: bool,
    now: Timestamp,
) {
    let entry = matched.entry;
    let (schedule, demand) = (
        entry.schedule.to_string(),
        entry.deliver.as_ref().map(|deliver| deliver.demand.to_string()),
    );
    let same = |one: &&mut ExplainedDemand| {
        one.by_nexthop == by_nexthop && one.schedule == schedule && one.demand == demand
    };
    match demands.iter_mut().find(same) {
        // The domain itself may name itself as well.
        Some(one) if one.entry == matched.pattern => {}
        Some(one) => one.others += 1,
        None => demands.push(ExplainedDemand {
            entry: matched.pattern.to_owned(),
            place: policy.place_of(matched),
            others: 0,
            by_nexthop,
            schedule,
            mode: entry.schedule.mode_at(now),
            demand,
        }),
    }
}

/// Next hops that are easily taken for this one.
fn alike(policy: &Policy, next_hop: &NextHop) -> Vec<String> {
    let host = next_hop.host();
    let mut found = Vec::new();
    for matched in policy.domains.all() {
        let Some(deliver) = &matched.entry.deliver else { continue };
        let own = (matched.pattern == host).then(|| host.to_owned());
        let named = deliver.next_hops.iter().filter(|other| other.host() == host);
        for other in named.map(NextHop::to_string).chain(own) {
            if !found.contains(&other) && found.len() < ALIKE {
                found.push(other);
            }
        }
    }
    found
}

impl fmt::Display for ExplainedDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for demand in &self.demands {
            writeln!(f, "{demand}")?;
        }
        if self.demands.is_empty() {
            writeln!(f, "No entry speaks of this next hop.\n")?;
        }
        for other in &self.alike {
            writeln!(
                f,
                "{other} is another next hop, of which something is demanded. If Postfix delivers to"
            )?;
            writeln!(f, "{}, the entry has to name it in `nexthop`.\n", self.next_hop)?;
        }
        match &self.answer {
            Some(answer) => writeln!(f, "Postfix is answered: {answer}")?,
            None => writeln!(
                f,
                "Postfix is answered that nothing is demanded (NOTFOUND): smtp_tls_security_level holds"
            )?,
        }
        match &self.would_be {
            Some(demand) => writeln!(f, "If all were enforced that is in monitor: {demand}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ExplainedDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.by_nexthop { ", which names it in `nexthop`" } else { "" };
        let others = match self.others {
            0 => String::new(),
            1 => ", and 1 other like it".into(),
            count => format!(", and {count} others like it"),
        };
        writeln!(f, "By {} ({}){how}{others}:", self.entry, self.place)?;
        writeln!(f, "  mode        {} (now: {})", self.schedule, self.mode)?;
        let demand = self.demand.as_deref().unwrap_or("nothing");
        writeln!(f, "  demands     {demand}")?;
        let so = match (&self.demand, self.mode) {
            (None, _) => "says nothing of this hop",
            (Some(_), Mode::Off) => "not in force: the entry is off",
            (Some(_), Mode::Monitor) => "not in force: the entry is in monitor",
            (Some(_), Mode::Enforce) => "in force",
        };
        writeln!(f, "  so          {so}")
    }
}
