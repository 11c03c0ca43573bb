//! Next hops that several entries speak of.
//!
//! smtp(8) asks by next hop, so those behind one server have one answer: the strictest. That is told,
//! because mail of one of them then waits for what another one has asked for.

use super::terms::Defaults;
use crate::yaml::{Decoder, Node};
use policy::{Directory, Entry, EntryPlace, Pattern};
use std::path::PathBuf;

/// Checks the next hops of an entry that is about to be taken in.
pub(super) fn check(
    decoder: &mut Decoder<'_>,
    name: Node<'_>,
    pattern: &Pattern,
    number: u32,
    directory: &Directory,
    (files, here): (&[PathBuf], EntryPlace),
    defaults: &Defaults,
) {
    let Some(entry) = directory.numbered(number) else { return };
    let Some(deliver) = &entry.deliver else { return };
    let is_own = defaults.shared_deliver.as_ref() != Some(deliver);
    if is_own && matches!(pattern, Pattern::Mailbox(..)) && deliver.next_hops.is_empty() {
        let message = "the `deliver` of a single mailbox names its `nexthop`: smtp(8) asks by next hop, \
             and this mailbox shares that of its domain";
        decoder.problems.add(name.span, message, "add `nexthop`, or move it to the domain's entry");
    }
    for next_hop in &deliver.next_hops {
        let says = |other: &Entry| {
            (other.deliver.as_ref().map(|other| &other.demand), other.schedule)
                == (Some(&deliver.demand), entry.schedule)
        };
        if directory.naming(next_hop).any(|other| says(other.entry)) {
            continue;
        }
        let Some(other) = directory.naming(next_hop).next() else { continue };
        let Some(theirs) = &other.entry.deliver else { continue };
        let place = other.place();
        let at = match files.get(usize::from(place.file)).filter(|_| place.file != here.file) {
            Some(path) => format!("line {} of {}", place.line, path.display()),
            None => format!("line {}", place.line),
        };
        let demand = &theirs.demand;
        let of_other = directory.nearness(next_hop, other.pattern, place);
        let of_this = directory.nearness(next_hop, &pattern.to_string(), here);
        let both = if of_other < of_this {
            demand.with(&deliver.demand)
        } else {
            deliver.demand.with(demand)
        };
        let message = if demand == &deliver.demand {
            format!(
                "{next_hop} is the next hop of {}, too ({at}), whose mode is {} and not {}: \
                 the mail of both is held to `{both}` as soon as it is enforced for one",
                other.pattern, other.entry.schedule, entry.schedule
            )
        } else if demand.contradicts(&deliver.demand) {
            format!(
                "{next_hop} is the next hop of {}, too ({at}), which demands `{demand}`: the two \
                 contradict each other, and the mail of both is held to `{both}`",
                other.pattern
            )
        } else {
            format!(
                "{next_hop} is the next hop of {}, too ({at}), which demands `{demand}`: the \
                 strictest holds for the mail of both, `{both}`",
                other.pattern
            )
        };
        let help = "right if both can be held to that; else write the next hop of one of them in \
             another way, there and in transport_maps: with or without its port";
        decoder.problems.warn(name.span, message, help);
    }
}
