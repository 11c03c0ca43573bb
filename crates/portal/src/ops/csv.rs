//! Cells of CSV, which people open in spreadsheets.

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection): what begins as one gets an
/// apostrophe before it. A wildcard does not.
pub(super) fn armed(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// A cell without that apostrophe.
pub(super) fn unarmed(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_reads_as_it_was() {
        for cell in
            ["=1+1", "+49", "-1", "@SUM(A1)", "example.org", "*.example.org", "", "'quoted'", "a=b"]
        {
            let armed = armed(cell);
            assert!(!armed.starts_with(['=', '+', '-', '@']), "{armed}");
            assert_eq!(unarmed(&armed), cell);
        }
        assert_eq!(armed("\t=1"), "'\t=1");
    }
}
