//! The table of transitions in the documentation is the one in the code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test: what fails here must fail loudly")]

use ferrofeed_core::orders::state::{Change, OrderState, TRANSITIONS};
use std::collections::BTreeSet;

#[test]
fn the_documented_transitions_are_those_of_the_code() {
    let text = include_str!("../../../docs/orders.md");
    let words = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut documented = BTreeSet::new();
    for line in text.lines().skip_while(|line| !line.starts_with("| from |")).skip(2) {
        let cells: Vec<&str> = line.split('|').collect();
        let [_, from, changes, to, _] = *cells else { break };
        for change in words(changes) {
            documented.insert((words(from).concat(), change, words(to).concat()));
        }
    }
    let name = |(from, change, to): &(OrderState, Change, OrderState)| {
        (from.name().to_owned(), change.name().to_owned(), to.name().to_owned())
    };
    assert_eq!(documented, TRANSITIONS.iter().map(name).collect());
}
