//! One domain with all that its page and the API tell of it: from the database and from the gateway.

use crate::app::App;
use crate::ops::OpError;
use crate::ops::domains::{self, DomainRecord, OwnedDomain};
use crate::ops::insight::{OperatorEntry, RequirementText, Standing};
use crate::ops::offer::{self, Offer};
use serde::Serialize;

/// One domain.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DomainDetail {
    /// What was chosen, since when and by whom.
    #[serde(flatten)]
    pub record: DomainRecord,
    /// What can be chosen.
    pub offer: Offer,
    /// The requirements on offer, and the one that is chosen.
    pub requirements: Vec<RequirementText>,
    /// What the operator's own files say of the domain; none: nothing, or they cannot be read.
    pub operators: Option<OperatorEntry>,
    /// Whether what was chosen is in force.
    pub standing: Standing,
}

impl DomainDetail {
    /// Leaves out what is for operators only: where their files lie, what is wrong with them.
    pub fn hide_operators(&mut self) {
        if let Some(entry) = &mut self.operators {
            entry.place.clear();
        }
        if let Standing::PolicyBroken { first, .. } = &mut self.standing {
            *first = None;
        }
    }
}

/// Puts it together. What the gateway cannot tell at present is left out: the page is there without it.
///
/// # Errors
///
/// [`OpError::NotFound`] where the domain has gone since the right was checked.
pub async fn domain(app: &App, owned: &OwnedDomain) -> Result<DomainDetail, OpError> {
    let of = owned.clone();
    let (record, offer) = app
        .read(move |transaction| {
            Ok((domains::get(transaction, &of)?, offer::get(transaction)?.offer))
        })
        .await?;
    let (of, shown, on_offer) = (owned.clone(), record.clone(), offer.clone());
    let (requirements, operators, standing) = app
        .look(move |gateway| {
            let operators = gateway.operators_entry(of.name()).unwrap_or_default();
            let mut requirements = gateway.requirements().unwrap_or_default();
            let chosen = shown.entry.require.as_ref();
            requirements.retain(|one| {
                on_offer.requirements.contains(&one.name) || chosen == Some(&one.name)
            });
            let standing = gateway.standing(&shown, operators.as_ref());
            Ok((requirements, operators, standing))
        })
        .await?;
    Ok(DomainDetail { record, offer, requirements, operators, standing })
}
