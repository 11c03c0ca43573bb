//! For the operator: organisations, accounts, what is on offer, the audit log, CSV.

mod audit;
mod offer;
mod organisations;
mod person;
mod sheet;

#[cfg(test)]
pub(super) use {
    audit::{AuditPage, AuditRow},
    offer::{OfferPage, Offered},
    organisations::{
        NewOrganisationPage, OrganisationPage, OrganisationRow, OrganisationsPage, PersonRow,
    },
    person::PersonPage,
    sheet::{Preview, SheetLine, SheetPage},
};

use crate::web::Route;

pub(super) fn routes() -> Vec<Route> {
    let all = [
        organisations::routes(),
        person::routes(),
        offer::routes(),
        audit::routes(),
        sheet::routes(),
    ];
    all.into_iter().flatten().collect()
}
