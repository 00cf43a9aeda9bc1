//! The book's list of checks is the program's.

use sealroom_attest::Rule;

#[test]
fn the_book_has_every_rule_as_it_is() {
    let book = include_str!("../../../docs/attestation.md");
    for rule in Rule::ALL {
        let row = format!("| `{}` | {} | {} |", rule.code(), rule.meaning(), rule.hint());
        assert!(book.contains(&row), "docs/attestation.md lacks {row}");
    }
    let rows =
        book.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 4);
    assert_eq!(rows.count(), Rule::ALL.len());
}
